"""How a classifier is served. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from ...base.errors import InputError
from ...base.settings import option
from ...base.sizes import parse_size


@dataclass(frozen=True)
class ServeSettings:
    """Where a classifier is served, how requests are joined, and what is too much.

    Raises `InputError` for values out of range.
    """

    host: str = "127.0.0.1"
    """The address to listen at; 0.0.0.0 lets other machines in, without any password."""
    port: int = 8000
    """0: any that is free."""
    name: str = "classifier"
    """What the model is called in addresses."""
    max_batch: int = 32
    """Images that the classifier is given at once."""
    deadline: float = 5.0
    """Milliseconds that a request waits for others to be joined with."""
    queue: int = 1024
    """Images that may wait at once; a request that finds no room is told to come again."""
    max_request: int = option(64 * 2**20, read=parse_size, shown="64MiB")
    """The largest body of a request."""
    max_image_pixels: int = 25_000_000
    """The most pixels of one picture, its width times its height."""
    patience: float = 30.0
    """Seconds for a client to send its request and, at the end, for what is under way."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; a file runs on the CPU by default."""

    def __post_init__(self) -> None:
        for name in ("max_batch", "queue", "max_request", "max_image_pixels"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
        if not 0 <= self.port <= 65535:
            raise InputError(f"port is {self.port}: give one from 0 to 65535, such as 8000")
        if not 0 <= self.deadline <= 60_000:
            raise InputError(f"deadline is {self.deadline}: give 0 to 60000 milliseconds")
        if not (isfinite(self.patience) and self.patience > 0):
            raise InputError(f"patience is {self.patience}: give seconds above 0, such as 30")
        if self.max_batch > self.queue:
            raise InputError(
                f"max_batch {self.max_batch} is more than the queue's {self.queue} images: raise "
                "--queue or lower --max-batch"
            )
        if re.fullmatch(r"[\w.-]{1,100}", self.name, re.ASCII) is None:
            raise InputError(
                f"name {self.name!r} cannot stand in an address: give letters, digits, '.', '-' "
                "and '_'"
            )
