"""A worker: makes shards of a dataset one after the other and commits them."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ....base import InputError
from ....data.encode import ImageEncoder
from ...filters.quality import Quality
from ...generator import Generator
from ...image_batch import ImageBatch
from ...plan.samples import SamplePlan, SampleSpec
from ..commit.commit import commit, finish_commits, place
from ..commit.heartbeat import Heartbeat
from ..commit.record import ShardRecord, WorkerFacts
from ..commit.shards import ShardRange
from ..commit.workers import pending_folder
from ..config.config import DatasetConfig, check_unchanged
from ..store.store import PENDING, Store
from .background import Background
from .open_shard import OpenShard
from .space import space_refusal
from .tally import Tally

_log = logging.getLogger(__name__)

_QUEUED_BATCHES = 4
_MOST_LOSSES = 3  # of a shard's pending files


@dataclass(frozen=True)
class WorkerProgress:
    """How far a worker is."""

    shard: ShardRange
    images: int
    """Of the shard, generated."""


class Worker:
    """Makes the shards that it is given, with a generator of its own.

    Images are encoded and written beside generation, by a thread; a shard is committed there, too,
    while the next one is generated.

    Args:
        plan: the dataset's samples.
        heartbeat: the worker's note, which is kept up to date.
        facts: of the worker, for the records.
        on_progress: told of each batch.
        on_batch: given each batch, for a contact sheet.
    """

    def __init__(
        self,
        store: Store,
        config: DatasetConfig,
        plan: SamplePlan,
        generator: Generator,
        heartbeat: Heartbeat,
        *,
        quality: Quality,
        encoder: ImageEncoder | None,
        facts: WorkerFacts,
        on_progress: Callable[[WorkerProgress], None] = lambda progress: None,
        on_batch: Callable[[ImageBatch], None] = lambda batch: None,
    ) -> None:
        self.committed: list[int] = []
        """The shards that this worker committed."""
        self._store, self._config, self._plan = store, config, plan
        self._generator, self._heartbeat = generator, heartbeat
        self._quality, self._encoder, self._facts = quality, encoder, facts
        self._on_progress, self._on_batch = on_progress, on_batch
        self._background = Background(_QUEUED_BATCHES)
        self._shards = config.plan
        self._open: list[OpenShard] = []  # generated or being generated, and not committed
        self._lost: deque[ShardRange] = deque()
        self._losses: Counter[int] = Counter()

    @property
    def waited(self) -> float:
        """Seconds for which generation waited for files to be written."""
        return self._background.waited

    @property
    def writer(self) -> Background:
        """What encodes and writes, for its figures."""
        return self._background

    def make_all(self, numbers: Iterable[int]) -> None:
        """Make and commit shards.

        Raises `InputError` for an image that no attempt made a picture, and where the disk is full;
        what is committed stays. Shards that are generated are committed even where the work ends
        by Ctrl-C or an error.
        """
        try:
            for number in numbers:
                self._generate(self._shards[number])
                self._generate_lost()
            self._background.drain()
            while self._lost:
                self._generate_lost()
                self._background.drain()
        except OSError as error:
            size = self._generator.image_size
            if refusal := space_refusal(error, self._store, self._config, size):
                raise refusal from error
            raise
        finally:
            self._close()

    def _generate(self, shard: ShardRange) -> None:
        self._heartbeat.begin(shard.number)
        began, already = time.perf_counter(), len(self._generator.rejected)
        under_way = self._open_shard(shard)
        made = 0
        specs = (self._plan[index] for index in range(shard.first, shard.end))
        for batch in self._generator.generate(specs, quality=self._quality):
            self._submit(under_way, under_way.add, batch)
            made += len(batch.specs)
            self._heartbeat.count(len(batch.specs), self._background.waited)
            self._on_batch(batch)
            self._on_progress(WorkerProgress(shard, made))
            if under_way not in self._open:
                return  # lost
        if rejected := self._generator.rejected[already:]:
            raise self._no_picture(rejected[0])
        self._submit(under_way, self._commit, under_way, began)

    def _generate_lost(self) -> None:
        while self._lost:
            self._generate(self._lost.popleft())

    def _submit(self, under_way: OpenShard, call: Callable[..., object], *arguments: Any) -> None:
        self._background.submit(self._unless_lost, under_way, call, arguments)

    def _unless_lost(
        self, under_way: OpenShard, call: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        """Make a call for a shard; where its files were removed meanwhile, it is made again."""
        if under_way not in self._open:
            return
        try:
            call(*arguments)
        except FileNotFoundError as error:
            check_unchanged(self._store, self._config)
            number = under_way.shard.number
            self._losses[number] += 1
            if self._losses[number] == _MOST_LOSSES:
                raise InputError(
                    f"the pending files of shard {number} in {self._store.url!r} were removed "
                    f"{_MOST_LOSSES} times, {error.filename!r} for one: end what removes them, and "
                    "give the same command again; finished shards stay"
                ) from error
            _log.warning(
                "%s: the pending files of shard %d were removed, as another worker took this one "
                "for dead: it is made again",
                self._store.url,
                number,
            )
            self._give_up(under_way)
            self._lost.append(under_way.shard)

    def _close(self) -> None:
        """Wait for what is being committed, and give up the shards that are not."""
        try:
            self._background.drain()
        except Exception as error:  # what ended the work is said by whoever called
            _log.warning("%s: what was generated was not written: %s", self._store.url, error)
        self._background.close()
        for under_way in list(self._open):
            with suppress(Exception):
                self._give_up(under_way)

    def _give_up(self, under_way: OpenShard) -> None:
        """Remove the files of a shard, unless its commit had begun: that is finished."""
        self._open.remove(under_way)
        folder = pending_folder(self._heartbeat.token, under_way.shard.number)
        finish_commits(self._store, self._config.settings.format, [folder])
        under_way.abandon()
        self._store.remove(f"{PENDING}/{folder}")

    def _open_shard(self, shard: ShardRange) -> OpenShard:
        """A shard to write; one that cannot be written to leaves nothing.

        Where its folder is removed at that moment, as `_unless_lost` says, it is opened again.
        """
        for left in reversed(range(_MOST_LOSSES)):
            try:
                under_way = self._new_shard(shard)
            except BaseException as error:
                with suppress(Exception):
                    self._remove_pending(shard)
                if not (left and isinstance(error, FileNotFoundError)):
                    raise
            else:
                break
        self._open.append(under_way)
        return under_way

    def _new_shard(self, shard: ShardRange) -> OpenShard:
        settings, facts = self._config.settings, self._facts
        token = pending_folder(self._heartbeat.token, shard.number)
        return OpenShard(
            shard,
            folder=self._store.scratch(token),
            token=token,
            stem=self._shards.stem(shard),
            shard_format=settings.format,
            image_format=settings.image_format,
            classes=tuple(item.name for item in self._config.classes),
            image_size=self._generator.image_size,
            encoder=self._encoder,
            constants={
                "model": self._config.model,
                "engine": facts.engine,
                "precision": facts.precision,
            },
            negative_prompt=settings.generate.negative_prompt,
            tally=Tally(self._config.recipe),
        )

    def _commit(self, under_way: OpenShard, began: float) -> None:
        pending, tally = under_way.finish(), under_way.tally
        check_unchanged(self._store, self._config)
        record = ShardRecord(
            stem=pending.stem,
            first=under_way.shard.first,
            end=under_way.shard.end,
            files=place(self._store, pending),
            classes=tally.classes,
            rejected=tally.rejected,
            kept=tally.kept,
            worker=self._facts,
            seconds=round(time.perf_counter() - began, 3),
            finished=datetime.now().astimezone().isoformat(timespec="seconds"),
            groups=tally.groups,
        )
        if commit(self._store, pending, record):
            self.committed.append(under_way.shard.number)
            self._heartbeat.committed()
        self._open.remove(under_way)
        self._remove_pending(under_way.shard)

    def _remove_pending(self, shard: ShardRange) -> None:
        folder = pending_folder(self._heartbeat.token, shard.number)
        self._store.remove(f"{PENDING}/{folder}")

    def _no_picture(self, spec: SampleSpec) -> InputError:
        name = self._config.classes[spec.label].name
        return InputError(
            f"image {spec.index} of class {name!r} ({spec.prompt!r}) was blank, saturated or not "
            f"finite at each of {self._quality.most_attempts} attempts: change that prompt, or try "
            "another precision in a new folder; finished shards stay"
        )
