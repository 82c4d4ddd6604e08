"""What a server does with the bodies of requests, whatever brings them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.decode import decode
from ...export.classifier.graph import INPUT, LISTED, OUTPUTS, REJECTED
from ...export.classifier.square import to_square
from ..judge import Judge
from .batching import Batcher
from .metrics import Metrics
from .protocol import DATATYPES, VERSION, Bounds, read_inference, write_inference
from .settings import ServeSettings

Result = TypeVar("Result")

_SMALL = 2**14
"""Bytes of a body that are read sooner than a thread is told to."""
_THREADS = 2  # that read requests: pictures and JSON may take long


class Service:
    """A classifier that answers requests."""

    def __init__(self, judge: Judge, settings: ServeSettings) -> None:
        self._judge, self._settings = judge, settings
        side = judge.image_size
        _, rejected = judge.judge(torch.zeros(settings.max_batch, side, side, 3, dtype=torch.uint8))
        self.outputs = OUTPUTS if rejected[0] is None else (*OUTPUTS, REJECTED)
        self._bounds = Bounds(settings.queue, settings.max_image_pixels)
        self.metrics = Metrics(lambda: self._batcher.admitted)
        self._batcher = Batcher(
            judge.judge,
            settings.max_batch,
            settings.deadline / 1e3,
            settings.queue,
            self.metrics.on_batch,
        )
        self._readers = ThreadPoolExecutor(_THREADS, "reader")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside, requests are answered."""
        batches = asyncio.create_task(self._batcher.run())
        try:
            yield
        finally:
            batches.cancel()
            await asyncio.wait([batches])
            self._readers.shutdown()

    def description(self) -> dict[str, Any]:
        """The model's metadata, as the protocol has it."""
        classes = self._judge.classes
        widths = {OUTPUTS[0]: len(classes), OUTPUTS[1]: min(LISTED, len(classes))}
        widths[OUTPUTS[2]] = widths[OUTPUTS[1]]
        return {
            "name": self._settings.name,
            "versions": [VERSION],
            "platform": "zeroreal",
            "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
            "outputs": [
                {
                    "name": name,
                    "datatype": DATATYPES[name],
                    "shape": [-1, widths[name]] if name in widths else [-1],
                }
                for name in self.outputs
            ],
            # Values are no lists there: this is JSON, as among the properties of ONNX files.
            "parameters": {"classes": json.dumps(classes), "image_size": self._judge.image_size},
        }

    async def infer(self, body: bytes, header_length: str | None) -> tuple[bytes, int | None]:
        """The answer to a request of the protocol, as `write_inference` gives it.

        Raises what `read_inference` and `Batcher` do.
        """
        inference = await self._read(
            len(body), lambda: read_inference(body, header_length, self.outputs, self._bounds)
        )
        with self._batcher.room(len(inference.images)):
            images = await self._read(
                inference.images.nbytes, lambda: _squares(inference.images, self._judge.image_size)
            )
            shares, rejected = await self._batcher.judged(images)
        scores, classes = shares.topk(min(LISTED, shares.shape[1]))
        found: dict[str, NDArray[Any]] = dict(
            zip(OUTPUTS, (shares.numpy(), classes.numpy(), scores.numpy()), strict=True)
        )
        if REJECTED in self.outputs:
            found[REJECTED] = np.array(rejected, np.bool_)
        return write_inference(inference, self._settings.name, found)

    async def predict(self, body: bytes) -> dict[str, Any]:
        """The class of an image file, as `zeroreal predict` says it; raises what `decode` does."""
        side, most = self._judge.image_size, self._settings.max_image_pixels
        with self._batcher.room(1):
            pixels, _ = await self._read(
                len(body), lambda: decode(body, "the body", side, most), always=True
            )
            shares, rejected = await self._batcher.judged(torch.from_numpy(pixels.copy())[None])
        best, row = shares[0].max(0)
        found = {"class_name": self._judge.classes[int(row)], "probability": float(best)}
        return found if rejected[0] is None else {**found, "rejected": rejected[0]}

    async def _read(self, size: int, work: Callable[[], Result], always: bool = False) -> Result:
        """What `work` gives, by a thread unless it takes a moment only."""
        if size < _SMALL and not always:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


def _squares(images: NDArray[np.uint8], size: int) -> Tensor:
    """Pictures, uint8 `[N, H, W, 3]`, at the classifier's size, as its graph brings them there."""
    if images.shape[1:3] == (size, size):
        return torch.from_numpy(images if images.flags.writeable else images.copy())
    parts = [
        to_square(torch.from_numpy(one.copy()).permute(2, 0, 1)[None].float(), size)
        for one in images
    ]
    return torch.cat(parts).byte().permute(0, 2, 3, 1).contiguous()
