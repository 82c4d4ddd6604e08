"""The worker in a Ray actor: it is handed numbers of shards, and keeps their pixels to itself."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Condition

import torch

from ....base import InputError
from ....base.progress import OnStage
from ....engine import Cache
from ..config.settings import DatasetSettings
from ..job import DatasetProgress, DatasetResult, WorkDone, described, make_shards
from ..joining import holds_dataset
from ..opening import Dataset, open_dataset
from ..store.places import open_store
from .messages import Failure, Opened, failure_of, tell_logs

CALLS_AT_ONCE = 3
"""`work`, and beside it `exchange` and `end`."""
_PATIENCE = 2.0  # seconds for which `exchange` waits for something that cannot wait


@dataclass(frozen=True)
class Start:
    """What an actor begins with."""

    settings: DatasetSettings
    url: str
    extend: int
    joins: bool
    """Whether another actor has opened the dataset before."""
    threads: int | None
    """None for a worker on a GPU."""
    cache: Cache | None


class Wants:
    """The actor has generated all that it was handed."""


class GivenUpError(Exception):
    """The shard under way is given up."""


class ShardActor:
    """Opens the dataset, then makes shards until it is told that there are no more.

    Ray calls `work` once, and `exchange` over and over beside it.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._told: list[object] = []
        self._numbers: deque[int] = deque()
        self._is_urgent = self._has_ended = False
        self._no_more = self._gives_up = False
        self._dataset: Dataset | None = None

    def work(self, start: Start) -> WorkDone | Failure:
        """Work until the end; on what fails, say why."""
        tell_logs(self._tell)
        if start.threads is not None:
            torch.set_num_threads(start.threads)
        try:
            self._dataset = _opened(start, self._tell)
            self._tell(Opened(), is_urgent=True)
            return make_shards(self._dataset, numbers=self._handed(), on_progress=self._made)
        except GivenUpError:
            return Failure("it was told to stop")
        except Exception as error:
            return failure_of(error)
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def exchange(self, number: int | None) -> list[object]:
        """Take a shard to make, if there is one; gives what there is to tell, soon."""
        with self._changed:
            if number is not None:
                self._numbers.append(number)
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_urgent or self._has_ended, _PATIENCE)
            told, self._told, self._is_urgent = self._told, [], False
            return told

    def end(self, gives_up: bool) -> None:
        """Have `work` end when what was handed is made, or with the batch under way."""
        with self._changed:
            self._no_more, self._gives_up = True, gives_up
            self._changed.notify_all()

    def describe(self, work: WorkDone, dead: list[str]) -> DatasetResult:
        """Describe the dataset, on which so much was done by all; see `described`."""
        assert self._dataset is not None
        return described(self._dataset, work, dead)

    def _handed(self) -> Iterator[int]:
        while True:
            self._tell(Wants(), is_urgent=True)
            with self._changed:
                self._changed.wait_for(lambda: self._numbers or self._no_more)
                if not self._numbers:
                    return
                number = self._numbers.popleft()
            yield number

    def _made(self, progress: DatasetProgress) -> None:
        if self._gives_up:
            raise GivenUpError
        self._tell(progress)

    def _tell(self, message: object, is_urgent: bool = False) -> None:
        with self._changed:
            if self._told and type(self._told[-1]) is type(message) is DatasetProgress:
                self._told.pop()  # only the latest matters
            self._told.append(message)
            if is_urgent:
                self._is_urgent = True
                self._changed.notify_all()


def _opened(start: Start, tell: OnStage) -> Dataset:
    store = open_store(start.url)
    if start.joins and not holds_dataset(store):
        raise InputError(
            f"{start.url!r} does not hold the dataset on {socket.gethostname()}: all nodes must "
            "see the same folder; mount it everywhere, or give a URL such as s3://bucket/name"
        )
    return open_dataset(store, start.settings, start.extend, start.cache, tell)
