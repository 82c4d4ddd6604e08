"""A shard under way: images come in any order, are encoded, and written in the order of samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....data.encode import ImageEncoder
from ....data.shard_writer import new_shard
from ...image_batch import ImageBatch
from ...plan.samples import SampleSpec
from ..commit.commit import FOLDER, METADATA, PendingShard
from ..commit.shards import ShardRange
from .tally import Tally

SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("label", pa.int64()),
        ("class", pa.string()),
        ("prompt", pa.string()),
        ("negative_prompt", pa.string()),
        ("language", pa.string()),
        ("domain", pa.string()),
        ("guidance", pa.float64()),
        ("seed", pa.int64()),
        ("rejected", pa.list_(pa.string())),
        ("model", pa.string()),
        ("engine", pa.string()),
        ("precision", pa.string()),
    ]
)
"""What is written of every image. `seed` is that of its noise; `rejected` holds the reasons for
which earlier attempts were made again."""

Pixels = bytes | NDArray[Any]


class OpenShard:
    """Takes the images of a shard and writes its files into a worker's folder.

    Args:
        encoder: None for formats that hold pixels.
        constants: what all rows have in common: model, engine and precision.
        negative_prompt: what takes the place of the samples' own; None: nothing.
        tally: counts the images.
    """

    def __init__(
        self,
        shard: ShardRange,
        *,
        folder: Path,
        token: str,
        stem: str,
        shard_format: str,
        image_format: str,
        classes: tuple[str, ...],
        image_size: int,
        encoder: ImageEncoder | None,
        constants: Mapping[str, str],
        negative_prompt: str | None,
        tally: Tally,
    ) -> None:
        self.shard, self.tally = shard, tally
        self._token, self._stem, self._format = token, stem, shard_format
        self._classes, self._encoder = classes, encoder
        self._constants, self._negative_prompt = constants, negative_prompt
        self._next = shard.first
        self._early: dict[int, tuple[Pixels, dict[str, Any]]] = {}
        self._writer = new_shard(
            shard_format,
            folder,
            stem,
            classes,
            SCHEMA,
            count=len(shard),
            image_size=image_size,
            image_format=image_format,
        )

    def add(self, batch: ImageBatch) -> None:
        """Encode and write a batch; what comes before its turn waits for it, encoded."""
        pictures = self._pictures(batch)
        seeds = batch.seeds or tuple(spec.seed for spec in batch.specs)
        rejections = batch.rejections or ((),) * len(batch.specs)
        despite = batch.kept_despite or ("",) * len(batch.specs)
        for number, spec in enumerate(batch.specs):
            row = self._row(spec, seeds[number], rejections[number])
            self.tally.add(row, despite[number])
            self._early[spec.index] = (pictures[number], row)
        while self._next in self._early:
            self._writer.write(*self._early.pop(self._next))
            self._next += 1

    def finish(self) -> PendingShard:
        """Close the files, which are flushed to disk by then."""
        if self._next != self.shard.end:
            raise RuntimeError(f"shard {self._stem} ended before sample {self._next}")
        files = {self._final(path): path for path in self._writer.close()}
        return PendingShard(self._token, self._stem, self._format, files)

    def abandon(self) -> None:
        """Give the shard up."""
        self._writer.abandon()

    def _pictures(self, batch: ImageBatch) -> list[Pixels]:
        if self._encoder is None:
            return list(on_host(batch).numpy())
        if not self._encoder.on_gpu or batch.ready is None:
            return list(self._encoder.encode(on_host(batch)))
        with torch.cuda.stream(torch.cuda.Stream(batch.images.device)) as stream:
            batch.ready.wait(stream)
            return list(self._encoder.encode(batch.images))

    def _row(self, spec: SampleSpec, seed: int, rejected: tuple[str, ...]) -> dict[str, Any]:
        away = spec.negative_prompt if self._negative_prompt is None else self._negative_prompt
        return {
            "index": spec.index,
            "label": spec.label,
            "class": self._classes[spec.label],
            "prompt": spec.prompt,
            "negative_prompt": away,
            "language": spec.language,
            "domain": spec.domain,
            "guidance": spec.guidance,
            "seed": seed,
            "rejected": list(rejected),
            **self._constants,
        }

    def _final(self, path: Path) -> str:
        """Where a file belongs, seen from the dataset's folder."""
        if self._format != "folder":
            return str(path)
        if path.parts[0] == self._stem:
            return str(Path(FOLDER, *path.parts[1:]))
        return str(Path(METADATA, path))


def on_host(batch: ImageBatch) -> Tensor:
    """A batch's images on the CPU, copied without waiting for what is enqueued after them."""
    images = batch.images
    if images.device.type != "cuda" or batch.ready is None:
        return images.cpu()
    stream = torch.cuda.Stream(images.device)
    with torch.cuda.stream(stream):
        stream.wait_event(batch.ready)
        copied = images.cpu()
    images.record_stream(stream)
    return copied
