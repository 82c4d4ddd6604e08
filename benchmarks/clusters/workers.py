"""Images a second of a dataset made by several workers under Ray, against one worker.

    zeroreal bench workers --result FILE

The embedded model on the CPU; each worker has one thread, and each cluster, with all of its
processes, as many cores as workers. What is measured begins when the last worker has committed its
first shard and ends when the first one commits its last: start-up and the end, where some have
nothing to do any more, are left out; the handing out of shards is in it.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ...base import InputError
from ...generate.dataset.config.config import read_config
from ...generate.dataset.config.settings import DatasetSettings
from ...generate.dataset.describing import read_records
from ...generate.dataset.making import Executor, generate_dataset
from ...generate.dataset.store.places import open_store
from ...generate.settings import GenerateSettings
from ...report.results.result import Figures
from ..harness import SILENT, Contender, Progress, Worker, check_counts
from ..harness.rates import RateCase, measure_rates
from .settings import WorkersSettings

_CLASSES = 10  # of the embedded model
_LEAST_SHARDS = 4  # of each worker


def measure_workers(settings: WorkersSettings, progress: Progress = SILENT) -> Figures:
    """Measure one worker and several.

    Ctrl-C ends the measurement with the rounds that it has. Raises `InputError` for settings that
    cannot be used.
    """
    counts = {"workers": settings.workers, "images": settings.images, "rounds": settings.rounds}
    check_counts({**counts, "shard size": settings.shard_size, "steps": settings.steps})
    cores = sorted(os.sched_getaffinity(0))
    if settings.workers > len(cores):
        raise InputError(
            f"workers is {settings.workers}: each needs a core, and there are {len(cores)}"
        )
    least = _LEAST_SHARDS * settings.workers * settings.shard_size
    if settings.images % _CLASSES or settings.images < least:
        raise InputError(
            f"images is {settings.images}: give a multiple of {_CLASSES}, at least {least}, so "
            f"that each worker makes {_LEAST_SHARDS} shards"
        )
    with ExitStack() as stack:
        contenders = [
            Contender(
                f"{count} worker{'s' * (count > 1)}", _measure(settings, cores[:count], stack)
            )
            for count in sorted({1, settings.workers})
        ]
        facts = {"shard_size": settings.shard_size, "steps": settings.steps}
        case = RateCase("ray, a core each", settings.images, contenders, facts)
        return measure_rates([case], settings.rounds, {}, progress)


def _measure(
    settings: WorkersSettings, cores: Sequence[int], stack: ExitStack
) -> Callable[[], float]:
    """What measures a cluster of its own, with these cores."""
    cluster = stack.enter_context(Worker(partial(_Cluster, settings, cores)))
    return partial(cluster.call, "seconds")


class _Cluster:
    """Ray on some cores; runs in a process of its own, whose cores all others inherit."""

    def __init__(self, settings: WorkersSettings, cores: Sequence[int]) -> None:
        import ray

        os.sched_setaffinity(0, cores)
        ray.init(
            "local",
            num_cpus=len(cores),
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _system_config={"worker_niceness": 0},  # as other processes
            _node_ip_address="127.0.0.1",
        )
        self._work = settings.work
        self._images = settings.images
        self._settings = DatasetSettings(
            images_per_class=settings.images // _CLASSES,
            shard_size=settings.shard_size,
            device="cpu",
            devices=("cpu",) * len(cores),
            generate=GenerateSettings(
                steps=settings.steps, engine="torch", batch_size=50, vae_batch_size=50
            ),
        )

    def seconds(self) -> float:
        """Seconds that all images take at the pace at which most were made."""
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            generate_dataset(self._settings, folder, executor=Executor("ray"))
            store = open_store(folder)
            records = read_records(store, read_config(store))
            committed: dict[int, dict[float, int]] = defaultdict(dict)
            for one in records:
                moment = (Path(folder) / f"{one.stem}.tar").stat().st_mtime
                committed[one.worker.pid][moment] = one.end - one.first
        if len(committed) < len(self._settings.devices):
            raise RuntimeError("a worker had no shard to make: give more images")
        return self._images / rate_while_all_work(list(committed.values()))


def rate_while_all_work(committed: Sequence[Mapping[float, int]]) -> float:
    """Images a second of workers together, while all of them work.

    `committed` holds for each worker when it committed how many images.
    """
    begin = max(min(one) for one in committed)
    end = min(max(one) for one in committed)
    moments = [(moment, count) for one in committed for moment, count in one.items()]
    images = sum(count for moment, count in moments if begin < moment <= end)
    return images / (end - begin)
