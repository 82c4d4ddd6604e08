"""The process of one device, seen from the `DataParallelGenerator` that started it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from logging import LogRecord
from multiprocessing import resource_tracker

import torch.multiprocessing as multiprocessing

from ...base.errors import InputError
from ...export import ExportProgress
from ..plan.samples import SampleSpec
from ..tuning.request import OnProgress, TuneProgress
from .messages import Done, Failed, Ready, Share, Start, Stop
from .worker import serve


class DeviceProcess:
    """A generator on one device, in a process that computes with `threads` threads of the CPU."""

    def __init__(self, device: str, threads: int, on_progress: OnProgress) -> None:
        self.busy = False
        """Whether a call is not over."""
        self._device, self._on_progress = device, on_progress
        spawn = multiprocessing.get_context("spawn")
        self.connection, other_end = spawn.Pipe()
        # A daemon, so that it ends with this interpreter.
        self._process = spawn.Process(
            target=serve, args=(other_end, device, threads), name=f"zeroreal {device}", daemon=True
        )
        with _without_interrupts():
            self._process.start()
        other_end.close()

    def make_generator(self, start: Start) -> None:
        """Have the process make its `Generator`."""
        self.send(start)

    def wait_until_ready(self) -> None:
        """Wait for the generator, whose `facts` and `slots` are known from then on."""
        while not isinstance(message := self.receive(), Ready):
            pass
        self.facts, self.slots = message.facts, message.slots

    def begin(self) -> None:
        """Begin a call, of which nothing is sent yet."""
        self.busy, self._share_sent = True, False
        self._numbers = count()
        self._pending: dict[int, SampleSpec] = {}

    def send_part(self, specs: tuple[SampleSpec, ...], done: Container[int]) -> None:
        """Send the next part of a share; an empty one is its end, and further ones are not sent."""
        if self._share_sent:
            return
        self._pending.update((next(self._numbers), spec) for spec in specs)
        self._share_sent = not specs
        self.send(Share(specs, frozenset(spec.index for spec in specs if spec.index in done)))

    def settle(self, numbers: Iterable[int]) -> tuple[SampleSpec, ...]:
        """The samples of these numbers in the share, which do not come again."""
        return tuple(self._pending.pop(number) for number in numbers)

    def stop(self, call: int) -> None:
        """Have the process drop what is left of a call, counted from 1, without waiting for it."""
        if not self.busy:
            return
        self.send(Stop(call))
        if not self._share_sent:
            self._share_sent = True
            self.send(Share(()))

    def send(self, message: object) -> None:
        """Send one of the messages to the process."""
        with suppress(ConnectionError):  # `receive` says why the process is gone
            self.connection.send(message)

    def receive(self) -> object:
        """The next message; raises what ended the process in its place."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            raise RuntimeError(self._death()) from None
        match message:
            case LogRecord():
                message.msg = f"{self._device}: {message.msg}"
                logging.getLogger(message.name).handle(message)
            case ExportProgress() | TuneProgress():
                self._on_progress(message)
            case Done():
                self.busy = False
            case Failed(reason, None):
                raise InputError(reason)
            case Failed(reason, str(traceback)):
                error = RuntimeError(f"generation on {self._device} failed: {reason}")
                error.add_note(traceback)
                raise error
        return message

    def end(self) -> None:
        """End the process at once: it writes nothing that a kill would leave half written."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _death(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        remedy = "check the memory that is free, or give a smaller batch size"
        return f"the process that generates on {self._device} ended {how}: {remedy}"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started inside never get the terminal's Ctrl-C, which their parent handles."""
    resource_tracker.ensure_running()  # starting it later would unblock interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
