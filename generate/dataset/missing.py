"""Which shard a worker makes next: none is claimed, each worker computes what is missing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .shards import ShardPlan
from .store import Store
from .workers import read_notes

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
    files: list[str] = []
    while True:
        missing = [number for number in plan.missing(store.names(), suffix) if number not in known]
        if not missing:
            return
        files = files or list(plan.files(suffix))
        own = [number for number in missing if _is_own(number, place)]
        busy = set() if own else shards_of_others(store, token)
        free = own or [number for number in missing if number not in busy]
        if not free:
            on_wait(len(missing))
            time.sleep(seconds)
            continue
        for number in _turned(free, token) if len(busy) > _FEW else free:
            if store.exists(files[number]):
                known.add(number)
            elif own or number not in shards_of_others(store, token):
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


def _turned(numbers: list[int], token: str) -> list[int]:
    """The numbers from a start that differs between workers: many would otherwise meet."""
    begin = zlib.crc32(token.encode()) % len(numbers)
    return numbers[begin:] + numbers[:begin]
