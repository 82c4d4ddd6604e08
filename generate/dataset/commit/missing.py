"""Which shard a worker makes next: none is claimed, each worker computes what is missing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.store import Store
from .shards import ShardPlan
from .workers import read_notes

Numbers = NDArray[np.int64]

_NONE: Numbers = np.array([], np.int64)
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
        store: where the dataset lies.
        plan: its shards.
        suffix: of the file that commits a shard.
        token: the worker's.
        place: the worker's, among those that were started with it.
        on_wait: told how many shards are waited for.
        seconds: between two looks while waiting.
    """
    known: set[int] = set()  # committed or made here, though a list may not show it yet
    while True:
        missing = _without(np.array(plan.missing(store.names(), suffix), np.int64), known)
        if not len(missing):
            return
        own = missing[missing % place.world_size == place.rank] if place.world_size > 1 else _NONE
        busy = set() if len(own) else shards_of_others(store, token)
        free = own if len(own) else _without(missing, busy)
        if not len(free):
            on_wait(len(missing))
            time.sleep(seconds)
            continue
        for number in _turned(free, token) if len(busy) > _FEW else free.tolist():
            if store.exists(plan.stem(plan[number]) + suffix):
                known.add(number)
            elif len(own) or number not in shards_of_others(store, token):
                known.add(number)
                yield number


def shards_of_others(store: Store, token: str) -> set[int]:
    """The shards that other workers make at this moment."""
    return {
        note.shard
        for note in read_notes(store)
        if note.shard is not None and note.token != token and note.is_alive()
    }


def _without(numbers: Numbers, others: set[int]) -> Numbers:
    """`numbers` but for `others`; fast for a million."""
    return numbers[~np.isin(numbers, list(others))] if others else numbers


def _turned(numbers: Numbers, token: str) -> list[int]:
    """The numbers from a start that differs between workers: many would otherwise meet."""
    turned: list[int] = np.roll(numbers, -(zlib.crc32(token.encode()) % len(numbers))).tolist()
    return turned
