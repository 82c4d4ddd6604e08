"""A Ray cluster's actors, all making one dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ....base import InputError
from ....base.progress import OnStage
from ....engine import Cache
from ..config.config import read_config
from ..config.settings import DatasetSettings
from ..describing import write_index
from ..job import DatasetResult
from ..joining import with_absolute_paths
from ..store.places import open_store
from ..store.store import Store


def generate_with_ray(
    settings: DatasetSettings,
    store: Store,
    extend: int,
    address: str | None,
    cache: Cache | None,
    on_progress: OnStage,
) -> DatasetResult:
    """Make a dataset with an actor on each GPU of a Ray cluster, or on each node without any GPU.

    On the CPU an actor has all cores of its node, or shares them with the others where
    `settings.devices` names several, such as `cpu,cpu`. The first actor exports, tunes and begins
    the dataset before the others start. Actors on nodes that join late take part, and what those
    made that die is made by others. Where Ray runs already in this process, that is what works.

    `address` is that of the cluster; None means RAY_ADDRESS, or this machine alone. Raises
    `InputError` where Ray is not installed, no cluster answers, or an actor cannot use what it was
    given, and `RuntimeError` for a shard that fails again and again. What is committed stays.
    """
    ray = _imported()
    from .ray_crew import Crew

    if "://" not in store.url:
        store = open_store(Path(store.url).resolve())
    settings = with_absolute_paths(settings)
    with _connected(ray, address):
        crew = Crew(settings, store, extend, cache, on_progress)
        try:
            return crew.make_all()
        except BaseException:
            crew.stop()
            with suppress(InputError):  # not begun yet
                write_index(store, read_config(store))
            raise


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "executor 'ray' needs Ray, which is not installed: `pip install 'zeroreal[ray]'`"
        ) from error
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Inside, Ray runs in this process; what it says of itself is left out."""
    if ray.is_initialized():
        yield
        return
    if address is not None and address.startswith("ray://"):
        raise InputError(
            f"address {address!r} is of Ray's client: start the command on a node of the cluster "
            "with --address auto, or by `ray job submit`"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of a change
    try:
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"no Ray cluster answers at {address or 'RAY_ADDRESS'!r} ({reason}): start one by "
            "`ray start --head`, or leave --address out to work on this machine alone"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
