"""A benchmark of nothing, which new processes can import: what it gives is in its settings."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from zeroreal.benchmarks.benchmark import Benchmark
from zeroreal.report.results.column import Column
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Figures, Row


@dataclass(frozen=True)
class PaceSettings:
    """What the benchmark does."""

    what: str = "count"
    """count, crash, die, wait, die second or wait second."""
    folder: str = ""
    """Where processes leave their marks."""
    device: str = "cpu"
    """auto or cpu."""


def measure(settings, progress):
    """A value that counts the processes that were there before."""
    folder = Path(settings.folder)
    number = len(list(folder.glob("process-*")))
    (folder / f"process-{number}").write_text(str(os.getpid()))
    progress.tell(f"told by {number}")
    what = settings.what.removesuffix(" second") if number or "second" not in settings.what else ""
    value = Metric((1.0 + number, 3.0 + number), "s", "lower")
    row = Row("ours", metrics={"seconds": value}, facts={"pid": os.getpid()})
    figures = Figures((row,), {"first": number}, records=({"round": 0},))
    if what == "crash":
        raise ZeroDivisionError("nothing to share")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        (folder / "waiting").touch()
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            return Figures((row,), finished=False)
    progress.keep(figures)
    return figures


class Pace(Benchmark):
    """It is not below `zeroreal.benchmarks`."""

    def settings_class(self):
        return PaceSettings

    def measurement(self):
        return measure


PACE = Pace("pace", "Paces.", "", "", (Column("s", "seconds", ".2f"),))
