"""What runs in the process of one device of a `DataParallelGenerator`."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from itertools import count
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Lock, Thread
from typing import NoReturn

import torch
from torch import Tensor

from ...base.errors import InputError
from ..facts import GeneratorFacts
from ..generator import Generator
from ..image_batch import ImageBatch
from ..plan.samples import SampleSpec
from ..sampling.stages import STAGES
from .messages import (
    Account,
    Checked,
    Done,
    Failed,
    Filled,
    Ready,
    Release,
    Share,
    Start,
    Stop,
    Wanted,
)

_SLOTS = 2  # one is read while the next batch is written


def serve(connection: Connection, device: str, threads: int) -> None:
    """Generate on `device` what the other end of `connection` asks for; end when that end closes.

    Computes with `threads` threads of the CPU. Progress and log records are sent as they are.
    """
    torch.set_num_threads(threads)
    outbox = _Outbox(connection)
    log = logging.getLogger("zeroreal")
    log.addHandler(QueueHandler(outbox))  # type: ignore[arg-type]  # only `put_nowait` is called
    log.propagate = False
    try:
        _Replica(device, _Inbox(connection), outbox).serve()
    except InputError as error:
        outbox.put_nowait(Failed(str(error), None))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        failed = Failed(f"{type(error).__name__}: {reason}", traceback.format_exc())
        outbox.put_nowait(failed)


class _Outbox:
    """Sends from any thread; named after what log handlers call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = Lock()

    def put_nowait(self, message: object) -> None:
        with self._lock:
            try:
                self._connection.send(message)
            except ConnectionError:
                _leave()


class _Inbox:
    """What the other end sends, sorted by a thread that ends the process when that end closes."""

    def __init__(self, connection: Connection) -> None:
        self.starts: SimpleQueue[Start] = SimpleQueue()
        self.shares: SimpleQueue[Share] = SimpleQueue()
        self.slots: SimpleQueue[int] = SimpleQueue()
        self.stopped_call = 0
        self.prompts_are_checked = False
        self._connection = connection
        Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        try:
            while True:
                self._sort(self._connection.recv())
        except (EOFError, OSError):
            _leave()

    def _sort(self, message: object) -> None:
        match message:
            case Start():
                self.starts.put(message)
            case Share():
                self.shares.put(message)
            case Release(slot):
                self.slots.put(slot)
            case Stop(call):
                self.stopped_call = call
            case Checked():
                self.prompts_are_checked = True


def _leave() -> NoReturn:
    """End the process in the midst of whatever it computes: nobody is there to want it."""
    os._exit(0)


class _Replica:
    """A generator that serves one call after the other."""

    def __init__(self, device: str, inbox: _Inbox, outbox: _Outbox) -> None:
        self._inbox, self._outbox = inbox, outbox
        start = inbox.starts.get()
        self._generator = Generator(
            start.settings,
            device=device,
            guided=start.guided,
            images=start.images,
            cache=start.cache,
            on_progress=outbox.put_nowait,
        )
        self._slots = _shared_slots(self._generator.facts)
        for slot in range(_SLOTS):
            inbox.slots.put(slot)
        self._copies = None
        if self._generator.device.type == "cuda":
            self._copies = torch.cuda.Stream(self._generator.device)
        self._rejected = 0
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._numbers: dict[int, int] = {}
        self._done: set[int] = set()

    def serve(self) -> None:
        self._outbox.put_nowait(Ready(self._generator.facts, self._slots))
        call = 0
        while True:
            call += 1
            self._serve_call(call)

    def _serve_call(self, call: int) -> None:
        self._numbers.clear()
        self._done.clear()
        share = self._share()
        for batch in self._generator.generate(share, self._done):
            if self._inbox.stopped_call == call:
                break
            slot = self._inbox.slots.get()
            self._copy(batch, self._slots[slot, : len(batch.specs)])
            account = self._account(batch.specs)
            self._outbox.put_nowait(Filled(slot, batch.rejections, batch.seeds, account))
        for _ in share:
            pass  # what a stopped call did not read
        self._outbox.put_nowait(Done(self._account(())))

    def _share(self) -> Iterator[SampleSpec]:
        """The samples of a call, numbered as they are read."""
        number = count()
        while (part := self._inbox.shares.get()).specs:
            self._outbox.put_nowait(Wanted())
            self._generator.text.is_checked |= self._inbox.prompts_are_checked
            self._done |= part.done
            for spec in part.specs:
                self._numbers[id(spec)] = next(number)
                yield spec

    def _copy(self, batch: ImageBatch, slot: Tensor) -> None:
        """Copy images to the host without waiting for the batches that are enqueued after them."""
        if self._copies is None or batch.ready is None:
            slot.copy_(batch.images)
            return
        with torch.cuda.stream(self._copies):
            self._copies.wait_event(batch.ready)
            slot.copy_(batch.images)

    def _account(self, finished: tuple[SampleSpec, ...]) -> Account:
        before, self._seconds = self._seconds, dict(self._generator.seconds.totals)
        rejected = self._generator.rejected[self._rejected :]
        rejections = self._generator.rejections[self._rejected :]
        self._rejected += len(rejected)
        return Account(
            tuple(self._numbers.pop(id(spec)) for spec in finished),
            tuple(self._numbers.pop(id(spec)) for spec in rejected),
            tuple(rejections),
            {stage: total - before[stage] for stage, total in self._seconds.items()},
        )


def _shared_slots(facts: GeneratorFacts) -> Tensor:
    shape = (_SLOTS, facts.batch_size, facts.image_size, facts.image_size, 3)
    slots = torch.empty(shape, dtype=torch.uint8)
    try:
        slots.share_memory_()
    except RuntimeError as error:
        raise InputError(
            f"{slots.nbytes / 1e6:.0f} MB of shared memory for finished images cannot be had "
            f"({error}): enlarge /dev/shm, or give a smaller batch size"
        ) from None
    return slots
