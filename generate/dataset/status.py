"""How a dataset stands, seen from any machine: what is done, by whom, how fast, and till when."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .commit.commit import main_suffix
from .commit.workers import WorkerNote, read_notes
from .config.config import read_config
from .store.store import Store


@dataclass(frozen=True)
class DatasetStatus:
    """How a dataset stands at a moment."""

    url: str
    images: int
    """Committed."""
    total: int
    shards: int
    """Committed."""
    all_shards: int
    workers: tuple[WorkerNote, ...]
    """Those that work, and those that ended or died since somebody began to work last."""
    at: float
    """The moment, in seconds since 1970."""

    @property
    def images_per_second(self) -> float:
        """Of those that work, together."""
        return sum(note.images_per_second for note in self.alive)

    @property
    def alive(self) -> tuple[WorkerNote, ...]:
        """Those that work."""
        return tuple(note for note in self.workers if note.is_alive(self.at))

    @property
    def seconds_left(self) -> float | None:
        """Until every image is there; None where nobody works or no speed is known yet."""
        if not self.images_per_second:
            return None
        under_way = sum(note.shard_images for note in self.alive)
        return max(self.total - self.images - under_way, 0) / self.images_per_second


def dataset_status(store: Store) -> DatasetStatus:
    """The status of the dataset in a place, from names alone: no shard is read.

    Raises `InputError` where there is no dataset of ours.
    """
    config = read_config(store)
    plan = config.plan
    missing = plan.missing(store.names(), main_suffix(config.settings.format))
    return DatasetStatus(
        url=store.url,
        images=plan.samples - plan.images_in(missing),
        total=plan.samples,
        shards=len(plan) - len(missing),
        all_shards=len(plan),
        workers=tuple(read_notes(store)),
        at=time.time(),
    )
