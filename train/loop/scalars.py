"""The log of a training: a CSV file, and event files for TensorBoard."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.files import write_atomically
from ...base.reading import is_file, read_text

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)

SCALARS = "scalars.csv"
EVENTS = "tensorboard"
_WHAT = "log of the training"
_STEP = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class Scalars:
    """One row of the log: means since the row before, and where training stands."""

    step: int
    """Updates of the weights so far."""
    epoch: int
    samples: int
    """Images trained on so far, each as often as it was."""
    loss: float
    accuracy: float
    """Share of the augmented training images that were classified correctly."""
    learning_rate: float
    images_per_second: float
    replay_ratio: float
    """Samples trained on for each image generated."""


COLUMNS = tuple(field.name for field in fields(Scalars))


class ScalarLog:
    """Writes rows to `scalars.csv` and, where TensorBoard is installed, to its event files.

    Each row is in the file when `write` returns, so a killed run loses none.

    Args:
        folder: that of the run, which exists.
        resume_step: the step that training goes on from. Later rows of the log there are dropped,
            as they are written anew; without it the whole log is.
    """

    def __init__(self, folder: Path, resume_step: int | None = None) -> None:
        path = folder / SCALARS
        kept = [] if resume_step is None else _rows_until(path, resume_step)
        write_atomically(path, "".join(_line(row) for row in (COLUMNS, *kept)).encode())
        self._file = path.open("a", encoding="utf-8")
        first = 0 if resume_step is None else resume_step + 1
        self._events = _event_writer(folder / EVENTS, first)

    def write(self, scalars: Scalars) -> None:
        """Add a row."""
        self._file.write(_line(map(str, astuple(scalars))))
        self._file.flush()
        if self._events is None:
            return
        for name, value in zip(COLUMNS[1:], astuple(scalars)[1:], strict=True):
            self._events.add_scalar(name, value, scalars.step)
        self._events.flush()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def _line(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\n"


def _rows_until(path: Path, step: int) -> list[list[str]]:
    """The rows of an earlier log up to `step`, without the half row that a killed run left."""
    if not is_file(path, _WHAT):
        return []
    whole, _, _ = read_text(path, _WHAT, errors="replace").rpartition("\n")
    rows = [line.split(",") for line in whole.split("\n")[1:]]
    return [
        row
        for row in rows
        if len(row) == len(COLUMNS) and _STEP.fullmatch(row[0]) and int(row[0]) <= step
    ]


def _event_writer(folder: Path, first_step: int) -> SummaryWriter | None:
    """A writer of event files that hides what an earlier one wrote from `first_step` on."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        _log.info("tensorboard is not installed: the log is %s alone", SCALARS)
        return None
    return SummaryWriter(str(folder), purge_step=first_step)
