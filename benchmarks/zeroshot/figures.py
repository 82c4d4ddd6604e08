"""From what contenders did to the figures of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..harness import Measurement, Rounds, doubts, measured_row
from .answers import Answers, agreement
from .entrant import Entrant

LEAST_AGREEMENT = 0.95
"""Share of images with the baseline's class, below which it is not only rounding that differs."""


def case_figures(case: str, entrants: Sequence[Entrant], rounds: Rounds, images: int) -> Figures:
    """A row for each contender, compared to the first that could be started."""
    measured = {one.name: one for one in rounds.measurements}
    first = next((one for one in entrants if one.answers is not None), None)
    reasons = [f"{case}: {doubt}" for doubt in doubts(rounds)]
    rows = []
    for entrant in entrants:
        name, answers = entrant.name.text, entrant.answers
        if first is None or first.answers is None or answers is None:
            rows.append(Row(name, case, reason=entrant.reason))
            continue
        own, theirs = (measured[one.name.text] for one in (entrant, first))
        same = agreement(answers, first.answers)
        facts = {**_facts(entrant, answers), "agreement": same}
        rows.append(_row(case, own, theirs, answers, images, facts))
        if same < LEAST_AGREEMENT:
            reasons.append(
                f"{case}: {name} puts only {same:.1%} of the images into the same classes as "
                f"{first.name.text}"
            )
    if first is None:
        reasons.append(f"{case}: no contender could serve")
    return Figures(tuple(rows), reasons=tuple(reasons), finished=rounds.done == rounds.wanted)


def _row(
    case: str,
    own: Measurement,
    baseline: Measurement,
    answers: Answers,
    images: int,
    facts: dict[str, Any],
) -> Row:
    rates = {"images_per_second": (float(images), "images/s")}
    if answers.evaluations is not None:
        rates["evaluations_per_second"] = (float(answers.evaluations), "evaluations/s")
    row = measured_row(own, baseline, case=case, rates=rates, facts=facts)
    if not own.seconds:
        return row
    each = Metric(tuple(seconds / images for seconds in own.seconds), "s", "lower")
    return replace(row, metrics={**row.metrics, "seconds_per_image": each})


def _facts(entrant: Entrant, answers: Answers) -> dict[str, Any]:
    curve = [] if entrant.search is None else entrant.search.curve
    return {
        "images": len(answers.labels),
        "batch_size": answers.batch_size,
        "batch_curve": [asdict(point) for point in curve],
        "evaluations": answers.evaluations,
        "accuracy": answers.accuracy,
    }
