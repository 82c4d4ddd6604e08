"""The contact sheet of a dataset under way: its latest images, rewritten every minute."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from PIL import Image
from torch import Tensor

from ...image_batch import ImageBatch
from ...plan.samples import SampleSpec
from ..card.preview import Tile, contact_sheet
from ..config.config import DatasetConfig
from ..store.store import Store
from .open_shard import on_host

SHEET = "preview.html"
_SECONDS = 60.0
_MOST_IMAGES = 60


class SheetWriter:
    """Keeps `preview.html` in a dataset's folder, by a thread that generation never waits for."""

    def __init__(self, store: Store, config: DatasetConfig, seconds: float = _SECONDS) -> None:
        self._store, self._seconds = store, seconds
        self._classes = tuple(item.name for item in config.classes)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zeroreal sheet")
        self._writing: Future[None] | None = None
        self._written = -float("inf")

    def add(self, batch: ImageBatch) -> None:
        """Show the images of a batch, if the last page is a minute old."""
        if self._writing is not None and not self._writing.done():
            return
        if time.monotonic() - self._written < self._seconds:
            return
        self._written = time.monotonic()
        images = on_host(batch)[:_MOST_IMAGES]
        self._writing = self._thread.submit(self._write, images, batch.specs[:_MOST_IMAGES])

    def close(self) -> None:
        """Wait for the page under way."""
        self._thread.shutdown(wait=True)

    def _write(self, images: Tensor, specs: tuple[SampleSpec, ...]) -> None:
        tiles = tiles_of(images, specs, self._classes)
        facts = {"written": datetime.now().astimezone().strftime("%d %B %Y, %H:%M:%S")}
        with suppress(Exception):  # a page that cannot be written is no reason to stop
            self._store.write(SHEET, contact_sheet(tiles, self._store.url, facts))


def tiles_of(images: Tensor, specs: tuple[SampleSpec, ...], classes: tuple[str, ...]) -> list[Tile]:
    """Images uint8 `[N, S, S, 3]` on the host with what they were made from, for a page."""
    return [
        Tile(
            Image.fromarray(image.numpy()),
            spec.index,
            spec.label,
            classes[spec.label],
            spec.prompt,
            spec.guidance,
            spec.seed,
        )
        for image, spec in zip(images, specs, strict=True)
    ]
