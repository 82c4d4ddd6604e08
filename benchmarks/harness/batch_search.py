"""The batch size at which a contender is fastest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .worker import reason_of

LEAST_GAIN = 1.03
"""Throughput over the best so far, below which a larger batch is not worth it."""


@dataclass(frozen=True)
class BatchPoint:
    """One batch size that was tried."""

    batch_size: int
    images_per_second: float | None
    reason: str | None = None
    """Why it could not be served: memory, as a rule."""


@dataclass(frozen=True)
class BatchSearch:
    """The batch size found, and what was measured on the way."""

    best: int
    curve: tuple[BatchPoint, ...]


def search_best_batch(
    sizes: Iterable[int],
    images_per_second: Callable[[int], float],
    on_point: Callable[[BatchPoint], None] = lambda point: None,
) -> BatchSearch:
    """Try `sizes`, which rise, until a larger one no longer pays or cannot be served.

    Raises what the smallest raises: then nothing can be served.
    """
    best, fastest, curve = 0, 0.0, []
    for size in sizes:
        try:
            rate = images_per_second(size)
        except Exception as error:
            if not best:
                raise
            curve.append(BatchPoint(size, None, reason_of(error)))
            on_point(curve[-1])
            break
        curve.append(BatchPoint(size, rate))
        on_point(curve[-1])
        worth_it = rate >= LEAST_GAIN * fastest
        if rate > fastest:
            best, fastest = size, rate
        if not worth_it:
            break
    return BatchSearch(best, tuple(curve))
