"""A process of this machine on each of several devices, all making one dataset."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass, replace
from logging import LogRecord
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.multiprocessing as multiprocessing

from ....base import InputError
from ....base.progress import OnStage, StageProgress
from ....engine import Cache
from ..commit.missing import Place
from ..config.settings import DatasetSettings
from ..job import DatasetProgress, DatasetResult, make_dataset
from ..opening import open_dataset
from ..status import dataset_status
from ..store.places import open_store
from ..store.store import Store
from .messages import Failure, Opened, failure_of, show_log, tell_logs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Start:
    """What a process is started with."""

    settings: DatasetSettings
    url: str
    extend: int
    place: Place
    threads: int
    cache: Cache | None


def generate_in_processes(
    settings: DatasetSettings,
    store: Store,
    extend: int,
    cache: Cache | None,
    on_progress: OnStage,
) -> DatasetResult:
    """Make a dataset with a process on each of `settings.devices`; gives what all came to.

    The first one exports, tunes and begins the dataset before the others start. A process that dies
    gives its shard back, which the others make; where all die or one cannot use what it was given,
    that is raised. On Ctrl-C all commit what is generated.
    """
    devices = settings.devices
    threads = max(1, torch.get_num_threads() // len(devices))
    crew = _Crew(on_progress)
    try:
        for rank, device in enumerate(devices):
            own = replace(settings, device=device, devices=())
            place = Place(rank, len(devices))
            crew.start(_Start(own, store.url, extend if rank == 0 else 0, place, threads, cache))
            if rank == 0:
                crew.wait_until_opened()
        crew.wait_until_ended()
    except BaseException:
        crew.stop()
        raise
    return crew.result(store)


class _Crew:
    """The processes, and what they tell."""

    def __init__(self, on_progress: OnStage) -> None:
        self._on_progress = on_progress
        self._spawn = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, Any] = {}
        self._devices: dict[Connection, str] = {}
        self._progress: dict[Connection, DatasetProgress] = {}
        self._results: list[DatasetResult] = []
        self._deaths: list[str] = []
        self._is_opened = False

    def start(self, start: _Start) -> None:
        connection, other = self._spawn.Pipe()
        process = self._spawn.Process(target=_work, args=(other, start), daemon=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is told by `stop`
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        other.close()
        self._processes[connection] = process
        self._devices[connection] = start.settings.device

    def wait_until_opened(self) -> None:
        while self._processes and not self._is_opened:
            self._receive()

    def wait_until_ended(self) -> None:
        while self._processes:
            self._receive()
        if not self._results:
            raise InputError(
                f"every worker died ({'; '.join(self._deaths)}): where the system ended them for "
                "want of memory, give fewer devices or a smaller batch size; finished shards stay, "
                "the same command goes on"
            )

    def stop(self) -> None:
        """Have all end soon, with what is generated committed."""
        for process in self._processes.values():
            if process.is_alive():
                process.terminate()
        for process in self._processes.values():
            process.join()

    def result(self, store: Store) -> DatasetResult:
        status = dataset_status(store)
        last = max(self._results, key=lambda one: one.images)  # which has seen the others' work
        return replace(
            last,
            images=status.images,
            made=sum(one.made for one in self._results),
            seconds=max(one.seconds for one in self._results),
            waited=max(one.waited for one in self._results),
            images_per_second=sum(one.images_per_second for one in self._results),
        )

    def _receive(self) -> None:
        for connection in wait(list(self._processes)):
            assert isinstance(connection, Connection)
            try:
                self._take(connection, connection.recv())
            except (EOFError, OSError):
                self._bury(connection)

    def _take(self, connection: Connection, message: object) -> None:
        match message:
            case DatasetProgress():
                self._progress[connection] = message
                self._show()
            case StageProgress():
                self._on_progress(message)
            case LogRecord():
                show_log(message, self._devices[connection])
            case Opened():
                self._is_opened = True
            case DatasetResult():
                self._results.append(message)
            case Failure(reason, None):
                raise InputError(reason)
            case Failure(reason, trace):
                self._deaths.append(f"{self._devices[connection]}: {reason}")
                _log.warning(
                    "worker on %s failed: %s\n%s", self._devices[connection], reason, trace
                )

    def _bury(self, connection: Connection) -> None:
        process = self._processes.pop(connection)
        process.join()
        if process.exitcode:
            self._deaths.append(f"{self._devices[connection]}: status {process.exitcode}")
            _log.warning(
                "the worker on %s died (status %d): the others make its shard",
                self._devices[connection],
                process.exitcode,
            )

    def _show(self) -> None:
        """The sum of what all have made, over what was there when each began."""
        told = list(self._progress.values())
        done = min(told[0].total, told[0].before + sum(one.done - one.before for one in told))
        speed = sum(one.images_per_second for one in told)
        note = f"{speed:.1f} images/s on {len(told)} devices"
        self._on_progress(StageProgress("generate", done, told[0].total, note))


def _work(connection: Connection, start: _Start) -> None:
    """Run in the process: open the dataset, make what is missing, tell of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    torch.set_num_threads(start.threads)
    tell_logs(connection.send)
    try:
        tell = connection.send
        store = open_store(start.url)
        dataset = open_dataset(store, start.settings, start.extend, start.cache, tell)
        tell(Opened())
        tell(make_dataset(dataset, start.place, on_progress=tell))
    except KeyboardInterrupt:
        os._exit(0)
    except Exception as error:
        connection.send(failure_of(error))
