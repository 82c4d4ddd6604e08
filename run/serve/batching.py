"""Images of several requests judged at once: joined for as long as a deadline allows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from ..judge import Judged


class BusyError(RuntimeError):
    """There is no room for a request now; there will be."""


class ClassifierError(RuntimeError):
    """The classifier failed on images that it should have taken."""


@dataclass(frozen=True)
class _Piece:
    """What is judged together of one request."""

    images: Tensor
    due: float
    """On the loop's clock, when it need not wait for others any longer."""
    found: asyncio.Future[Judged]


class Batcher:
    """Joins the images of requests into batches, first come first served.

    Args:
        judge: of uint8 images `[N, S, S, 3]`; called by one thread.
        max_batch: the most of them at once.
        deadline: seconds that images wait for others. They may wait longer for the batch before.
        queue: images that may be admitted at once.
        on_batch: told the size of a batch and the seconds that it took.
    """

    def __init__(
        self,
        judge: Callable[[Tensor], Judged],
        max_batch: int,
        deadline: float,
        queue: int,
        on_batch: Callable[[int, float], object],
    ) -> None:
        self._judge, self._max_batch, self._deadline = judge, max_batch, deadline
        self._queue, self._on_batch = queue, on_batch
        self.admitted = 0
        """Images of requests that are not answered yet."""
        self._pieces: deque[_Piece] = deque()
        self._ready = 0  # images in pieces
        self._came = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "classifier")

    @contextmanager
    def room(self, count: int) -> Iterator[None]:
        """Admit a request of so many images for as long as this lasts; `BusyError` if too many."""
        if self.admitted + count > self._queue:
            raise BusyError(
                f"{self.admitted} images are waiting and {self._queue} may: come again soon"
            )
        self.admitted += count
        try:
            yield
        finally:
            self.admitted -= count

    async def judged(self, images: Tensor) -> Judged:
        """What the judge says of uint8 images `[N, S, S, 3]`, which may be parts of its batches.

        Raises `ClassifierError` where it fails.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + self._deadline
        pieces = [_Piece(part, due, loop.create_future()) for part in images.split(self._max_batch)]
        self._pieces += pieces
        self._ready += len(images)
        self._came.set()
        parts = await asyncio.gather(*(piece.found for piece in pieces))
        if len(parts) == 1:
            return parts[0]
        rejected = [one for _, some in parts for one in some]
        return torch.cat([shares for shares, _ in parts]), rejected

    async def run(self) -> None:
        """Judge what comes, until cancelled."""
        try:
            while True:
                await self._until_due()
                await self._one_batch(self._taken())
        finally:
            self._thread.shutdown()

    async def _until_due(self) -> None:
        """Wait for a full batch or the first request's deadline."""
        loop = asyncio.get_running_loop()
        while self._ready < self._max_batch:
            left = self._pieces[0].due - loop.time() if self._pieces else None
            if left is not None and left <= 0:
                return
            self._came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), left)

    def _taken(self) -> list[_Piece]:
        """The pieces that come first and fit into a batch."""
        taken, size = list[_Piece](), 0
        while self._pieces and size + len(self._pieces[0].images) <= self._max_batch:
            taken.append(self._pieces.popleft())
            size += len(taken[-1].images)
        self._ready -= size
        return taken

    async def _one_batch(self, pieces: Sequence[_Piece]) -> None:
        loop = asyncio.get_running_loop()
        sizes, began = [len(piece.images) for piece in pieces], loop.time()
        images = pieces[0].images if len(pieces) == 1 else torch.cat([p.images for p in pieces])
        try:
            shares, rejected = await loop.run_in_executor(self._thread, self._judge, images)
        except Exception as error:
            for piece in pieces:
                if not piece.found.done():
                    failed = ClassifierError("the classifier failed")
                    failed.__cause__ = error
                    piece.found.set_exception(failed)
            return
        self._on_batch(sum(sizes), loop.time() - began)
        begin = 0
        for piece, part in zip(pieces, shares.split(sizes), strict=True):
            if not piece.found.done():  # nobody waits any longer for what is cancelled
                piece.found.set_result((part, rejected[begin : begin + len(part)]))
            begin += len(part)
