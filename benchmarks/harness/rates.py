"""Images a second of contenders that take turns, case by case, and how often the baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import (
    Contender,
    Measurement,
    Rounds,
    Tell,
    doubts,
    ratios,
    run_rounds,
    silent,
    spread,
    write_result,
)


@dataclass(frozen=True)
class RateCase:
    """Contenders that take the same images in a round, warmed up."""

    name: str
    images: int
    contenders: Sequence[Contender]
    """The first is what the others are compared to."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is to stand in the result."""


def bench_rates(
    cases: Iterable[RateCase],
    rounds: int,
    facts: Mapping[str, Any],
    path: Path | None,
    tell: Tell = silent,
) -> dict[str, Any]:
    """Measure the cases, and give the result, which is written after every case as well.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement.
    """
    result: dict[str, Any] = {**facts, "rounds": rounds, "interrupted": False, "cases": []}
    for case in cases:
        tell(f"{case.name}: measuring")
        measured = run_rounds(case.contenders, rounds)
        result["cases"].append(_row(case, measured))
        result["interrupted"] = measured.done < measured.wanted
        if path is not None:
            write_result(path, result)
        if result["interrupted"]:
            break
    return result


def _row(case: RateCase, rounds: Rounds) -> dict[str, Any]:
    baseline, found = rounds.measurements[0], doubts(rounds)
    return {
        "case": case.name,
        "images": case.images,
        **case.facts,
        "contenders": [_figures(one, baseline, case.images) for one in rounds.measurements],
        "valid": not found,
        "doubts": found,
    }


def _figures(own: Measurement, baseline: Measurement, images: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": own.name, "reason": own.reason, "seconds": own.seconds}
    if own.seconds:
        row |= {"spread": spread(own.seconds)}
        row |= {"images_per_second": images / row["spread"]["median"]}
    if each := ratios(own, baseline):
        row |= {"ratio_each_round": each, "ratio": spread(each)}
    return row
