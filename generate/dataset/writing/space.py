"""What to say where the disk is full: which one, and how much what is missing needs."""

from __future__ import annotations

import errno
import tempfile
from itertools import islice
from pathlib import Path

from ....base.errors import InputError
from ....base.sizes import size_text
from ..commit.commit import main_suffix
from ..commit.record import RECORD, read_record
from ..config.config import DatasetConfig
from ..store.scratch import full_disk
from ..store.store import LocalStore, Store

_MEASURED_SHARDS = 100
_LEAST = 2**20  # bytes, of which less is not worth a figure


def space_refusal(
    error: OSError, store: Store, config: DatasetConfig, image_size: int
) -> InputError | None:
    """What to say of an error of the system's; None for one that is not about space."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    if not isinstance(store, LocalStore):  # its shards are written to a local folder first
        return full_disk(Path(tempfile.gettempdir()))
    return InputError(
        f"no space is left for {store.url!r}: {_needed(store, config, image_size)}; finished "
        "shards stay, free as much and give the same command again"
    )


def _needed(store: Store, config: DatasetConfig, image_size: int) -> str:
    """How much space what is missing takes, by what is there."""
    plan, names = config.plan, set(store.names())
    missing = plan.missing(names, main_suffix(config.settings.format))
    images = plan.images_in(missing)
    what = f"the {images} images of the {len(missing)} missing shards need"
    there = (name for name in plan.files(RECORD) if name in names)
    records = [read_record(store.read(name), name) for name in islice(there, _MEASURED_SHARDS)]
    if not records:
        pixels = 3 * image_size**2
        return f"{what} at most about {size_text(max(_LEAST, pixels * images))}"
    size = sum(facts.bytes for record in records for facts in record.files.values())
    of = sum(record.end - record.first for record in records)
    return f"{what} about {size_text(max(_LEAST, size * images // of))}"
