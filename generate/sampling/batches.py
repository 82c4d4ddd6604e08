"""Forming batches: which samples are denoised together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ..plan import philox
from ..plan.philox import Stream
from ..plan.samples import SampleSpec

READ_AHEAD = 8
"""Batches; the new prompts of their samples are encoded together."""


@dataclass(frozen=True)
class Draft:
    """An image on its way: its sample, and why it was rejected when it was tried before."""

    spec: SampleSpec
    reasons: tuple[str, ...] = ()
    """Of each attempt so far."""

    @property
    def attempt(self) -> int:
        """From 0."""
        return len(self.reasons)

    @property
    def seed(self) -> int:
        """Of the image's noise: the sample's own; of another attempt, one that follows from it."""
        if self.attempt == 0:
            return self.spec.seed
        return philox.seed63(self.spec.seed, self.attempt, Stream.ATTEMPT)

    def again(self, reason: str) -> Draft:
        """The same sample's next attempt, after one that was rejected for `reason`."""
        return replace(self, reasons=(*self.reasons, reason))


class BatchQueue:
    """Forms batches of images that cost the denoiser equally, from a stream of samples.

    An image with guidance above 1 takes two rows of the UNet's batch, another takes one. Batches
    hold images of one kind, so that no row is computed for nothing and few shapes occur; what is
    left of both kinds at the end shares the last batches. Every sample comes out once.

    Args:
        specs: the samples; read a few batches ahead.
        on_read: told of samples as they are read.
    """

    def __init__(
        self,
        specs: Iterable[SampleSpec],
        on_read: Callable[[Sequence[SampleSpec]], None] = lambda specs: None,
    ) -> None:
        self._specs = iter(specs)
        self._on_read = on_read
        self._waiting: dict[bool, deque[Draft]] = {True: deque(), False: deque()}
        self._exhausted = False

    def take(self, size: int) -> list[Draft]:
        """The next batch of at most `size` images; fewer only at the end, none after it."""
        while not self._exhausted and not self._full(size):
            self._read(size)
        if full := self._full(size):
            return [full.popleft() for _ in range(size)]
        rest = [*self._waiting[False], *self._waiting[True]]
        self._clear()
        self.put_back(rest[size:])
        return rest[:size]

    def put_back(self, drafts: Sequence[Draft]) -> None:
        """Have `drafts` come again, before all others."""
        for draft in reversed(drafts):
            self._waiting[_is_guided(draft)].appendleft(draft)

    def _full(self, size: int) -> deque[Draft] | None:
        return next((kind for kind in self._waiting.values() if len(kind) >= size), None)

    def _read(self, size: int) -> None:
        read = list(islice(self._specs, READ_AHEAD * size))
        self._exhausted = not read
        self._on_read(read)
        for spec in read:
            draft = Draft(spec)
            self._waiting[_is_guided(draft)].append(draft)

    def _clear(self) -> None:
        for kind in self._waiting.values():
            kind.clear()


def _is_guided(draft: Draft) -> bool:
    return draft.spec.guidance > 1
