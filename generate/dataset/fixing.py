"""Mending a dataset after its verification."""

from __future__ import annotations

from ...base.progress import OnStage
from ...engine import Cache
from .job import make_dataset
from .making import shown
from .opening import reopen
from .store import Store
from .verify import DAMAGED, MISSING, Verification, repair


def fix_dataset(
    store: Store,
    found: Verification,
    on_progress: OnStage = lambda progress: None,
    cache: Cache | None = None,
) -> None:
    """Finish, remove and make again what verification found.

    Nothing is removed before the generator is at hand that makes it again. Raises `InputError`
    where that cannot be had: the model is gone, say.
    """
    if not any(fault.kind in (MISSING, DAMAGED) for fault in found.faults):
        repair(store, found.faults)
        return
    dataset = reopen(store, cache=cache, on_progress=on_progress)
    make_dataset(dataset, numbers=repair(store, found.faults), on_progress=shown(on_progress))
