"""Which shard a worker makes next: none is claimed, each worker computes what is missing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shards import ShardPlan
from .store import Store
from .workers import read_notes

Numbers = NDArray[np.int64]

_FEW = 8  # workers, who keep out of each other's way by their notes


@dataclass(frozen=True)
class Place:
    """A worker's place among those that were started together, which begin with disjoint shares."""

    rank: int = 0
    world_size: int = 1


def missing_shards(
    store: Store,
    plan: ShardPlan,
    suffix: str,
    token: str,
    place: Place,
    on_wait: Callable[[int], None] = lambda shards: None,
    seconds: float = 2.0,
) -> Iterator[int]:
    """Yield shards to make until all are committed, each as late as possible looked for.

    First those of the worker's own share, then whatever is missing. Shards that others are seen to
    work on come last: they are waited for, and taken over where their worker dies. A shard that two
    make nevertheless is committed once.

    Args:
        on_wait: told how many shards are waited for.
        seconds: between two looks while waiting.
    """
    known: set[int] = set()  # committed or made here, though a list may not show it yet
    while True:
        missing = _without(np.array(plan.missing(store.names(), suffix), np.int64), known)
        if not len(missing):
            return
        busy = shards_of_others(store, token)
        free = _without(missing, busy)
        if not len(free):
            on_wait(len(missing))
            time.sleep(seconds)
            continue
        for number in _in_turn(free, token, place, crowded=len(busy) > _FEW):
            if store.exists(plan.stem(plan[number]) + suffix):
                known.add(number)
            elif _is_own(number, place) or number not in shards_of_others(store, token):
                known.add(number)
                yield number


def shards_of_others(store: Store, token: str) -> set[int]:
    """The shards that other workers make at this moment."""
    return {
        note.shard
        for note in read_notes(store)
        if note.shard is not None and note.token != token and note.is_alive()
    }


def _is_own(number: int, place: Place) -> bool:
    """Whether a shard is of a place's share, so that nobody's note needs to be read for it."""
    return place.world_size > 1 and number % place.world_size == place.rank


def _without(numbers: Numbers, others: set[int]) -> Numbers:
    """`numbers` but for `others`; fast for a million."""
    return numbers[~np.isin(numbers, list(others))] if others else numbers


def _in_turn(numbers: Numbers, token: str, place: Place, crowded: bool) -> list[int]:
    """A place's own share first, then the others; from a start of its own where many work."""
    begin = zlib.crc32(token.encode()) % len(numbers) if crowded else 0
    turned = np.roll(numbers, -begin)
    if place.world_size > 1:
        own = numbers[numbers % place.world_size == place.rank]
        others = turned[turned % place.world_size != place.rank]
        turned = np.concatenate([own, others])
    found: list[int] = turned.tolist()
    return found
