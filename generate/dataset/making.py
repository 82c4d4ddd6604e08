"""Making a dataset: the one function behind `zeroreal generate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ...base import InputError
from ...base.errors import unknown
from ...base.progress import OnStage, StageProgress
from ...engine import Cache
from ..plan.classes import parse_classes
from .commit.missing import Place
from .config.settings import DatasetSettings
from .executors.environment import place_from_environment
from .job import DatasetProgress, DatasetResult, complete_result, make_dataset
from .opening import open_dataset
from .status import dataset_status
from .store.places import open_store
from .store.store import Store

EXECUTORS = ("local", "env", "ray")


class DatasetInterruptedError(Exception):
    """Making a dataset was stopped by the user; what is committed stays."""

    def __init__(self, url: str, images: int, total: int) -> None:
        super().__init__(f"interrupted with {images} of {total} images in {url}")


@dataclass(frozen=True)
class Executor:
    """Who works."""

    name: str = "local"
    """local, env or ray."""
    address: str | None = None
    """Of the Ray cluster."""

    def __post_init__(self) -> None:
        if self.name not in EXECUTORS:
            raise unknown("executor", self.name, EXECUTORS)
        if self.address is not None and self.name != "ray":
            raise InputError(
                f"address {self.address!r} is of a Ray cluster, the executor is {self.name!r}: "
                "leave it out, or choose --executor ray"
            )


def generate_dataset(
    settings: DatasetSettings,
    out: str | Path | Store,
    *,
    extend: int = 0,
    executor: Executor = Executor(),
    cache: Cache | None = None,
    on_progress: OnStage = lambda progress: None,
) -> DatasetResult:
    """Make a dataset, or what is missing of the one in `out`, beside whoever does so, too.

    Args:
        settings: of the dataset.
        out: a folder or any URL that `fsspec` reaches.
        extend: images to add to each class of the dataset that is there.
        executor: who works: this process or one on each of `settings.devices`; this process as one
            of many that something else started; or the actors of a Ray cluster.
        cache: where exports, engines and tunings are kept; by default the user's.
        on_progress: told how far each stage is.

    Raises `InputError` for what cannot be used and `DatasetInterruptedError` on Ctrl-C. Finished
    shards stay whatever happens.
    """
    store = open_store(out) if isinstance(out, str | Path) else out
    try:
        if not extend and (result := complete_result(store, settings)) is not None:
            return result
        if executor.name == "ray":
            from .executors.ray import generate_with_ray

            return generate_with_ray(settings, store, extend, executor.address, cache, on_progress)
        place = Place()
        if executor.name == "env":
            place, local_rank = place_from_environment()
            settings = _on_own_device(settings, local_rank)
        if settings.devices:
            from .executors.processes import generate_in_processes

            return generate_in_processes(settings, store, extend, cache, on_progress)
        dataset = open_dataset(store, settings, extend, cache, on_progress)
        return make_dataset(dataset, place, on_progress=shown(on_progress))
    except KeyboardInterrupt:
        raise _interrupted(store, settings) from None


def shown(on_progress: OnStage) -> Callable[[DatasetProgress], None]:
    """What tells of a dataset's progress as of that of a stage."""

    def show(progress: DatasetProgress) -> None:
        on_progress(StageProgress("generate", progress.done, progress.total, progress.note))

    return show


def _interrupted(store: Store, settings: DatasetSettings) -> DatasetInterruptedError:
    try:
        status = dataset_status(store)
    except InputError:  # not begun yet
        total = settings.images_per_class * len(parse_classes(settings.classes))
        return DatasetInterruptedError(store.url, 0, total)
    return DatasetInterruptedError(store.url, status.images, status.total)


def _on_own_device(settings: DatasetSettings, local_rank: int | None) -> DatasetSettings:
    """The settings of one of several workers on a machine: each has its own GPU."""
    if settings.devices:
        raise InputError(
            f"devices {', '.join(settings.devices)} were given to each of the workers of executor "
            "'env', which have a device each: leave them out"
        )
    if local_rank is None or settings.device not in ("auto", "cuda"):
        return settings
    if not torch.cuda.is_available():
        return settings
    return replace(settings, device=f"cuda:{local_rank % torch.cuda.device_count()}")
