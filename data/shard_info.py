"""What stands beside WebDataset shards so that others know them: timm's index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def wds_info(shards: Mapping[str, int], classes: Sequence[str]) -> dict[str, Any]:
    """The content of `_info.json` beside `shards`, file names with their numbers of samples.

    timm's `wds/` reader takes the split `train` from it, and we the names of the classes.
    """
    split = {
        "name": "train",
        "num_samples": sum(shards.values()),
        "filenames": list(shards),
        "shard_lengths": list(shards.values()),
    }
    return {"splits": {"train": split}, "classes": list(classes)}
