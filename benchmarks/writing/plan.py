"""Seconds until a worker knows its first shard, and until a dataset's status is known.

    zeroreal bench plan --result FILE

Of a million shards, half of them done, in no order. Their names are in memory: listing them takes
what the place takes, which is not measured.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import torch

from ...base import InputError
from ...generate.dataset.commit.commit import main_suffix
from ...generate.dataset.commit.missing import Place, missing_shards
from ...generate.dataset.config.config import CONFIG, DatasetConfig
from ...generate.dataset.config.settings import DatasetSettings
from ...generate.dataset.status import dataset_status
from ...generate.dataset.store.store import LocalStore
from ...report.results.result import Figures
from ..harness import (
    SILENT,
    Contender,
    Progress,
    check_counts,
    doubts,
    measured_row,
    run_rounds,
    timed,
)
from .settings import PlanBenchSettings

_IMAGES = 2  # of each shard, as many as there are classes


class NamesStore(LocalStore):
    """The names of a dataset's files without the files."""

    def __init__(self, config: DatasetConfig, done: list[str]) -> None:
        super().__init__(Path("memory"))
        self._config, self._done, self._there = config.content(), done, set(done)

    def names(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return [] if folder else list(self._done)

    def folders(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return []

    def exists(self, name: str) -> bool:
        """See `Store`."""
        return name in self._there

    def read(self, name: str) -> bytes:
        """See `Store`; there is nothing but the configuration."""
        if name != CONFIG:
            raise FileNotFoundError(name)
        return self._config


def measure_plan(settings: PlanBenchSettings, progress: Progress = SILENT) -> Figures:
    """Measure both in turn.

    Ctrl-C ends the measurement with the rounds that it has. Raises `InputError` for settings that
    cannot be used.
    """
    check_counts({"rounds": settings.rounds})
    check_counts({"shards": settings.shards}, least=2)
    store, config = half_done(settings.shards)
    suffix = main_suffix(config.settings.format)

    def plan() -> int:
        return next(missing_shards(store, config.plan, suffix, "bench", Place()))

    def status() -> int:
        return dataset_status(store).shards

    done = settings.shards // 2
    if store.exists(list(config.plan.files(suffix))[plan()]) or status() != done:
        raise InputError(
            f"the plan of {settings.shards} shards is wrong: this is a mistake of ours"
        )
    progress.tell(f"{settings.shards} shards, {done} of them done")
    here = torch.device("cpu")
    works = {"planning": plan, "status": status}
    contenders = [Contender(name, partial(timed, work, here)) for name, work in works.items()]
    rounds = run_rounds(contenders, settings.rounds)
    return Figures(
        rows=tuple(measured_row(one, None) for one in rounds.measurements),
        facts={"shards": settings.shards, "done": done},
        reasons=tuple(doubts(rounds)),
        finished=rounds.done == rounds.wanted,
    )


def half_done(shards: int) -> tuple[NamesStore, DatasetConfig]:
    """A dataset of so many shards, of which half are there, chosen at random."""
    settings = DatasetSettings(
        classes=("cat", "dog"), images_per_class=shards, shard_size=_IMAGES, device="cpu"
    )
    config = DatasetConfig(settings, {}, "0" * 64, (shards,))
    names = list(config.plan.files(main_suffix(settings.format)))
    return NamesStore(config, random.Random(0).sample(names, shards // 2)), config
