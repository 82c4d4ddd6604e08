"""What the benchmark of serving is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.settings import option
from ...run.settings import RunSettings


def batch_sizes(text: str) -> tuple[int, ...]:
    """Sizes of batches, separated by commas; `InputError` for what are none."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"{text!r} are no sizes of batches: give numbers such as 8,32,128")
    return tuple(int(part) for part in text.split(","))


@dataclass(frozen=True)
class ServeBenchSettings:
    """The classifier, the server's batches, and the load."""

    model: Path | None = option(None, shown="one of random weights")
    """The folder of a finished run, or a file deployed of one."""
    classifier: str = RunSettings.classifier
    """Of random weights, for pictures of 32 pixels."""
    batches: tuple[int, ...] = option((8, 32, 128), read=batch_sizes)
    """Comma-separated: sizes of batches, of which the model's best is served."""
    deadline: float = 5.0
    """Milliseconds that a request waits for others."""
    clients: int | None = option(None, shown="as many as fill two batches")
    """Requests under way at once, to find the throughput."""
    images: int = 8
    """In each of these; under the bounded load there is one."""
    load: float = 0.3
    """The bounded load, as a share of the model's images/s alone."""
    most_requests: int = 200
    """In a second, under the bounded load: more would measure the clients."""
    seconds: float = 3.0
    """That a round of each contender takes, and the bounded load for each round."""
    rounds: int = 5
    """How often contenders take turns."""
    malformed: int = 1000
    """Requests that are no such."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
