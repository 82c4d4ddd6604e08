"""Images a second of contenders that take turns, case by case, and how often the baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...report.results.result import Figures, Row
from .progress import Progress
from .rounds import Contender, Measurement, run_rounds
from .rows import measured_row
from .summary import doubts


@dataclass(frozen=True)
class RateCase:
    """Contenders that take the same images in a round, warmed up."""

    name: str
    images: int
    contenders: Sequence[Contender]
    """The first is what the others are compared to."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is to stand in the result."""


def measure_rates(
    cases: Iterable[RateCase], rounds: int, facts: Mapping[str, Any], progress: Progress
) -> Figures:
    """Measure the cases; what there is is kept after each.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement.
    """
    rows: list[Row] = []
    reasons: list[str] = []
    finished = True
    try:
        for case in cases:
            progress.tell(f"{case.name}: measuring")
            measured = run_rounds(case.contenders, rounds)
            rows += _rows(case, measured.measurements)
            reasons += [f"{case.name}: {doubt}" for doubt in doubts(measured)]
            finished = measured.done == measured.wanted
            progress.keep(Figures(tuple(rows), facts, tuple(reasons), finished=False))
            if not finished:
                break
    except KeyboardInterrupt:  # while a case was made ready
        if not rows:
            raise
        finished = False
    return Figures(tuple(rows), facts, tuple(reasons), finished)


def _rows(case: RateCase, measurements: Sequence[Measurement]) -> list[Row]:
    return [
        measured_row(
            one,
            measurements[0],
            case=case.name,
            rates={"images_per_second": (float(case.images), "images/s")},
            facts={"images": case.images, **case.facts},
        )
        for one in measurements
    ]
