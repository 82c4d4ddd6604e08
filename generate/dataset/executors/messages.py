"""What workers tell whoever started them."""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import LogRecord
from logging.handlers import QueueHandler
from queue import SimpleQueue

from ....base.errors import InputError


@dataclass(frozen=True)
class Opened:
    """A worker has opened the dataset: others may follow."""

    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    @property
    def token(self) -> str:
        """How the token of its note begins."""
        return f"{self.host}-{self.pid}-"


@dataclass(frozen=True)
class Failure:
    """Why a worker ended early."""

    reason: str
    traceback: str | None = None
    """None for an `InputError`."""


def failure_of(error: Exception) -> Failure:
    """What to tell of an error; call it where that is handled."""
    if isinstance(error, InputError):
        return Failure(str(error))
    reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return Failure(reason, traceback.format_exc())


def tell_logs(tell: Callable[[LogRecord], None]) -> None:
    """Have what this process logs told, and shown nowhere else."""
    log = logging.getLogger("zeroreal")
    log.addHandler(_Teller(tell))
    log.propagate = False


def show_log(record: LogRecord, who: str) -> None:
    """Log here what a worker logged."""
    record.msg = f"{who}: {record.msg}"
    logging.getLogger(record.name).handle(record)


class _Teller(QueueHandler):
    """Makes records ready to be pickled, and tells them."""

    def __init__(self, tell: Callable[[LogRecord], None]) -> None:
        super().__init__(SimpleQueue())
        self._tell = tell

    def enqueue(self, record: LogRecord) -> None:
        """Called with each record."""
        self._tell(record)
