"""One job of a dataset after the other, all with the same generator, and what each one took."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...data.shard_files import sync_all
from ...generate import Generator, SamplePlan, load_recipe
from ...generate.dataset.commit.heartbeat import Heartbeat
from ...generate.dataset.commit.record import RECORD, read_record
from ...generate.dataset.config.config import DatasetConfig
from ...generate.dataset.config.model_digest import model_digest
from ...generate.dataset.config.settings import DatasetSettings
from ...generate.dataset.job import worker_facts
from ...generate.dataset.opening import Dataset, quality_of
from ...generate.dataset.store.store import LocalStore, Store
from ...generate.dataset.writing.encoding import encoder_of
from ...generate.dataset.writing.sheet import SheetWriter
from ...generate.dataset.writing.worker import Worker
from ...generate.plan.content import recipe_content
from ...report.results.metric import Metric
from ..harness import timed


@dataclass(frozen=True)
class RoundCosts:
    """What one job took beside its time."""

    waited: float
    """Seconds for which the generator waited for the writer."""
    writer_seconds: float
    """In which the writer was busy."""
    writer_cpu: float
    """Seconds of these that it computed for."""
    process_cpu: float
    """Seconds that all threads of the process computed for."""
    sync: float
    """Seconds until the files of a shard, written anew, are on the disk."""


class NullSink:
    """Generates a plan's images and keeps none."""

    def __init__(self, generator: Generator, plan: SamplePlan) -> None:
        self.process_cpu: list[float] = []
        """Seconds that all threads of the process computed for, by round."""
        self.plan, self._generator = plan, generator

    def measure(self) -> float:
        """Seconds of all images."""
        with _process_cpu(self.process_cpu):
            return timed(self._generate, self._generator.device)

    def _generate(self) -> None:
        for _ in self._generator.generate(self.plan):
            pass


class Job:
    """Writes a plan's images as a dataset, into a new folder each time."""

    def __init__(self, settings: DatasetSettings, generator: Generator, work: Path) -> None:
        self.costs: list[RoundCosts] = []
        """By round."""
        self._recipe, self._generator, self._work = load_recipe(settings.recipe), generator, work
        content = json.loads(json.dumps(recipe_content(self._recipe)))
        digest = model_digest(generator.folder, settings.generate)
        self._config = DatasetConfig(settings, content, digest, (settings.images_per_class,))
        self.plan = SamplePlan(self._recipe, self._config.classes, settings.images_per_class)

    def measure(self) -> float:
        """Seconds from the first image to the last commit."""
        store = LocalStore(Path(tempfile.mkdtemp(dir=self._work)))
        try:
            self._config.write(store)
            quality = quality_of(self._config.settings, self._recipe)
            dataset = Dataset(
                store, self._config, self._recipe, self.plan, self._generator, quality
            )
            return self._make(dataset)
        finally:
            shutil.rmtree(store.root)

    def _make(self, dataset: Dataset) -> float:
        store, settings = dataset.store, self._config.settings
        encoder = encoder_of(settings, self._generator)
        heartbeat, sheet = Heartbeat(store, settings.device), SheetWriter(store, self._config)
        worker = Worker(
            store,
            self._config,
            self.plan,
            self._generator,
            heartbeat,
            quality=dataset.quality,
            encoder=encoder,
            facts=worker_facts(dataset, encoder),
            on_batch=sheet.add,
        )
        cpu: list[float] = []
        shards = range(len(self._config.plan))
        try:
            with _process_cpu(cpu):
                seconds = timed(lambda: worker.make_all(shards), self._generator.device)
        finally:
            sheet.close()
            heartbeat.close()
            if encoder is not None:
                encoder.close()
        if len(worker.committed) != len(shards):
            raise RuntimeError(f"{len(worker.committed)} of {len(shards)} shards were committed")
        writer, sync = worker.writer, self._sync_seconds(store)
        self.costs.append(
            RoundCosts(writer.waited, writer.busy_seconds, writer.cpu_seconds, cpu[0], sync)
        )
        return seconds

    def _sync_seconds(self, store: Store) -> float:
        """Seconds until the first shard's files, written anew, are on the disk."""
        stem = self._config.plan.stem(self._config.plan[0])
        record = read_record(store.read(stem + RECORD), stem)
        again = Path(tempfile.mkdtemp(dir=self._work))
        try:
            sync_all(again, [])  # what others have to write is theirs
            for number, name in enumerate(record.files):
                (again / str(number)).write_bytes(store.read(name))
            began = time.perf_counter()
            sync_all(again, list(again.iterdir()))
            return time.perf_counter() - began
        finally:
            shutil.rmtree(again)


def with_format(settings: DatasetSettings, name: str) -> DatasetSettings:
    """The settings of a case such as `webdataset-jpg`, or `npy`."""
    shard_format, _, image_format = name.partition("-")
    return replace(settings, format=shard_format, image_format=image_format or "jpg")


def job_metrics(costs: Sequence[RoundCosts], images: int) -> dict[str, Metric]:
    """The costs of at least one round; the seconds of the CPU are those of an image."""
    each = {
        "waited_seconds": [one.waited for one in costs],
        "writer_busy_seconds": [one.writer_seconds for one in costs],
        "writer_cpu_seconds_per_image": [one.writer_cpu / images for one in costs],
        "process_cpu_seconds_per_image": [one.process_cpu / images for one in costs],
        "sync_seconds_per_shard": [one.sync for one in costs],
    }
    return {name: Metric(tuple(values), "s", "lower") for name, values in each.items()}


@contextmanager
def _process_cpu(into: list[float]) -> Iterator[None]:
    began = time.process_time()
    yield
    into.append(time.process_time() - began)
