"""The job of making a dataset: what is missing, made and committed, then described."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch

from ...base import describe_device, library_versions
from ...data.encode import ImageEncoder
from .commit.commit import main_suffix
from .commit.dead import clear_dead
from .commit.heartbeat import Heartbeat
from .commit.missing import Place, missing_shards
from .commit.record import WorkerFacts, counts_text, merged_counts
from .config.config import DatasetConfig, check_unchanged
from .config.settings import DatasetSettings
from .describing import read_records, write_card, write_index
from .joining import is_complete, wanted_dataset
from .opening import Dataset
from .store.store import Store
from .writing.encoding import encoder_of
from .writing.sheet import SheetWriter
from .writing.worker import Worker, WorkerProgress


@dataclass(frozen=True)
class DatasetProgress:
    """How far a dataset is, as a worker sees it."""

    before: int
    """Images that were committed when it began."""
    done: int
    """These, and those that it made since."""
    total: int
    images_per_second: float
    note: str
    """What goes on, in words."""


@dataclass(frozen=True)
class DatasetResult:
    """What a process did for a dataset, and how that stands."""

    url: str
    images: int
    """Committed, by whomever."""
    total: int
    made: int
    """Shards that this process committed."""
    seconds: float
    waited: float
    """Seconds for which generation waited for files to be written."""
    images_per_second: float
    rejected: str
    """What was made again in all of the dataset, by reason, in words."""

    @property
    def is_complete(self) -> bool:
        """Whether every image is there."""
        return self.images == self.total


OnDataset = Callable[[DatasetProgress], None]


@dataclass(frozen=True)
class WorkDone:
    """What a worker did."""

    shards: int
    """That it committed."""
    seconds: float
    waited: float
    """Seconds for which generation waited for files to be written."""
    images_per_second: float


def make_dataset(
    dataset: Dataset,
    place: Place | None = None,
    numbers: Iterable[int] | None = None,
    on_progress: OnDataset = lambda progress: None,
) -> DatasetResult:
    """Make what is missing of a dataset, beside whoever does so, too, and describe it.

    Args:
        dataset: what is worked on.
        place: among workers that were started together.
        numbers: the shards to make; by default all that are missing, by whomever.
        on_progress: told of each batch.

    Raises what `Worker.make_all` does; what is committed stays, and is described.
    """
    try:
        work = make_shards(dataset, place, numbers, on_progress)
    except BaseException:
        with suppress(Exception):  # what ended the work is what is said
            check_unchanged(dataset.store, dataset.config)
            write_index(dataset.store, dataset.config)
        raise
    return described(dataset, work)


def make_shards(
    dataset: Dataset,
    place: Place | None = None,
    numbers: Iterable[int] | None = None,
    on_progress: OnDataset = lambda progress: None,
) -> WorkDone:
    """Make shards of a dataset and leave it undescribed; takes and raises what `make_dataset` does.

    `numbers` may be asked for the next one as late as it is needed.
    """
    began = time.perf_counter()
    store, config = dataset.store, dataset.config
    heartbeat = Heartbeat(store, describe_device(dataset.generator.device))
    progress = _Progress(dataset, on_progress)
    sheet = SheetWriter(store, config)
    encoder = encoder_of(config.settings, dataset.generator)
    worker = Worker(
        store,
        config,
        dataset.plan,
        dataset.generator,
        heartbeat,
        quality=dataset.quality,
        encoder=encoder,
        facts=worker_facts(dataset, encoder),
        on_progress=progress.show,
        on_batch=sheet.add,
    )
    if numbers is None:
        suffix, place = main_suffix(config.settings.format), place or Place()
        numbers = missing_shards(
            store, config.plan, suffix, heartbeat.token, place, progress.show_waiting
        )
    try:
        worker.make_all(numbers)
    finally:
        sheet.close()
        heartbeat.close()
        if encoder is not None:
            encoder.close()
    seconds = time.perf_counter() - began
    return WorkDone(len(worker.committed), seconds, worker.waited, progress.images_per_second)


def described(dataset: Dataset, work: WorkDone, dead: Sequence[str] = ()) -> DatasetResult:
    """Finish what workers left that died since, and describe a dataset on which work was done.

    `dead` are the beginnings of tokens of workers that are known to be dead, from wherever.
    """
    store, config = dataset.store, dataset.config
    clear_dead(store, config.settings.format, known=dead, forget_ended=False)
    done = write_index(store, config)
    rejected = ""
    if done == config.plan.samples:
        write_card(store, config, dataset.recipe)
        rejected = _rejected(store, config)
    return DatasetResult(
        store.url,
        done,
        config.plan.samples,
        work.shards,
        work.seconds,
        work.waited,
        work.images_per_second,
        rejected,
    )


def complete_result(store: Store, settings: DatasetSettings) -> DatasetResult | None:
    """The result where nothing is left to do, for which no model is loaded; else None.

    Raises what `open_dataset` does.
    """
    config = wanted_dataset(store, settings, extend=0).config
    if config is None or not is_complete(store, config):
        return None
    clear_dead(store, config.settings.format, forget_ended=False)
    samples = config.plan.samples
    return DatasetResult(store.url, samples, samples, 0, 0.0, 0.0, 0.0, _rejected(store, config))


def _rejected(store: Store, config: DatasetConfig) -> str:
    """What was made again, by reason, in words."""
    return counts_text(merged_counts([one.rejected for one in read_records(store, config)]))


def worker_facts(dataset: Dataset, encoder: ImageEncoder | None) -> WorkerFacts:
    """What the bits of this process's shards depend on."""
    facts = dataset.generator.facts
    return WorkerFacts(
        host=socket.gethostname(),
        pid=os.getpid(),
        device=describe_device(dataset.generator.device),
        engine=facts.engine,
        precision=facts.precision,
        batch_size=facts.batch_size,
        vae_batch_size=facts.vae_batch_size,
        threads=torch.get_num_threads(),
        encoder="none" if encoder is None else encoder.name,
        versions=library_versions(),
    )


class _Progress:
    """Counts what is done, from what was committed when the process began."""

    def __init__(self, dataset: Dataset, tell: OnDataset) -> None:
        self.images_per_second = 0.0
        self._tell, self._total = tell, dataset.config.plan.samples
        self._done = committed_images(dataset)
        self._shard, self._made, self._finished = -1, 0, 0
        self._began: float | None = None

    def show(self, progress: WorkerProgress) -> None:
        """A batch has come."""
        if self._began is None:
            self._began = time.perf_counter()  # the first batch takes what is prepared once
            self._first = progress.images
        if progress.shard.number != self._shard:
            self._finished, self._shard = self._finished + self._made, progress.shard.number
        self._made = progress.images
        made = self._finished + self._made
        if (seconds := time.perf_counter() - self._began) > 0:
            self.images_per_second = (made - self._first) / seconds
        speed = self.images_per_second
        self._show(made, f"{speed:.1f} images/s" if speed else "")

    def show_waiting(self, shards: int) -> None:
        """Others make what is missing."""
        note = f"waiting for {shards} shards that other workers make"
        self._show(self._finished + self._made, note)

    def _show(self, made: int, note: str) -> None:
        speed = self.images_per_second
        self._tell(DatasetProgress(self._done, self._done + made, self._total, speed, note))


def committed_images(dataset: Dataset) -> int:
    """How many images of a dataset are committed."""
    plan, names = dataset.config.plan, dataset.store.names()
    missing = plan.missing(names, main_suffix(dataset.config.settings.format))
    return plan.samples - plan.images_in(missing)
