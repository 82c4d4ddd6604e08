"""A worker: makes shards of a dataset one after the other and commits them."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ...base import InputError
from ...base.sizes import size_text
from ...data.encode import ImageEncoder
from ..filters.quality import Quality
from ..generator import Generator
from ..image_batch import ImageBatch
from ..plan.samples import SamplePlan, SampleSpec
from .background import Background
from .commit import commit, main_suffix, place
from .config import DatasetConfig, check_unchanged
from .heartbeat import Heartbeat
from .open_shard import OpenShard
from .record import ShardRecord, WorkerFacts
from .shards import ShardRange
from .store import PENDING, Store
from .workers import pending_folder

_QUEUED_BATCHES = 4


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
        self._suffix = main_suffix(config.settings.format)
        self._under_way: OpenShard | None = None

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
            self._background.drain()
        except OSError as error:
            raise self._refusal(error) from error
        finally:
            self._close()

    def _generate(self, shard: ShardRange) -> None:
        self._heartbeat.begin(shard.number)
        began, already = time.perf_counter(), len(self._generator.rejected)
        self._under_way = self._open(shard)
        made = 0
        specs = (self._plan[index] for index in range(shard.first, shard.end))
        for batch in self._generator.generate(specs, quality=self._quality):
            self._background.submit(self._under_way.add, batch)
            made += len(batch.specs)
            self._heartbeat.count(len(batch.specs), self._background.waited)
            self._on_batch(batch)
            self._on_progress(WorkerProgress(shard, made))
        if rejected := self._generator.rejected[already:]:
            raise self._no_picture(rejected[0])
        self._background.submit(self._commit, self._under_way, began)
        self._under_way = None

    def _close(self) -> None:
        """Wait for what is being committed, and give up the shard under way."""
        with suppress(Exception):  # it has been raised before
            self._background.drain()
        self._background.close()
        if self._under_way is not None:
            self._under_way.abandon()
            self._remove_pending(self._under_way.shard)
            self._under_way = None

    def _open(self, shard: ShardRange) -> OpenShard:
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
        )

    def _commit(self, under_way: OpenShard, began: float) -> None:
        pending = under_way.finish()
        record = ShardRecord(
            stem=pending.stem,
            first=under_way.shard.first,
            end=under_way.shard.end,
            files=place(self._store, pending),
            classes=dict(under_way.counts),
            rejected={name: dict(counts) for name, counts in under_way.rejected.items()},
            kept={name: dict(counts) for name, counts in under_way.kept.items()},
            worker=self._facts,
            seconds=round(time.perf_counter() - began, 3),
            finished=datetime.now().astimezone().isoformat(timespec="seconds"),
        )
        check_unchanged(self._store, self._config)
        if commit(self._store, pending, record):
            self.committed.append(under_way.shard.number)
            self._heartbeat.committed()
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

    def _refusal(self, error: OSError) -> OSError | InputError:
        """What to say where the system refused a file."""
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        return InputError(
            f"no space is left for {self._store.url!r}: {self._needed()}; finished shards stay, "
            "free as much and give the same command again"
        )

    def _needed(self) -> str:
        """How much space what is missing takes, by what is there."""
        missing = len(self._shards.missing(self._store.names(), self._suffix))
        done = [name for name in self._store.names() if name.endswith(self._suffix)]
        if not done:
            return f"{missing} shards are to be written still"
        sizes = [self._store.size(name) for name in done[:100]]
        each = sum(sizes) / len(sizes)
        return f"the {missing} missing shards need about {size_text(int(each * missing))}"
