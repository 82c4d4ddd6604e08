"""Mending a dataset after its verification."""

from __future__ import annotations

from ....base.progress import OnStage
from ....engine import Cache
from ..commit.missing import shards_of_others
from ..job import make_dataset
from ..making import shown
from ..opening import reopen
from ..store.store import Store
from .repair import repair
from .verify import DAMAGED, MISSING, Verification


def fix_dataset(
    store: Store,
    found: Verification,
    on_progress: OnStage = lambda progress: None,
    cache: Cache | None = None,
) -> None:
    """Finish, remove and make again what verification found.

    Nothing is removed before the generator is at hand that makes it again, and shards that others
    make at the time are left to them. Raises `InputError` where the generator cannot be had: the
    model is gone, say.
    """
    if not any(fault.kind in (MISSING, DAMAGED) for fault in found.faults):
        repair(store, found.faults)
        return
    dataset = reopen(store, cache=cache, on_progress=on_progress)
    busy = shards_of_others(store, token="")
    faults = tuple(one for one in found.faults if one.kind != MISSING or one.shard not in busy)
    make_dataset(dataset, numbers=repair(store, faults), on_progress=shown(on_progress))
