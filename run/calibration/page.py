"""The page of a calibration: reliability and risk as drawings, and what is turned away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...base.files import write_atomically
from ...report.drawing import WIDTH, Axis, Drawing, dot, grid, line, path
from ...report.page import page, percent, ticks
from ...train.classifier.confidence import ConfidenceFigures, TestedConfidence
from .file import Calibration

PAGE = "calibration.html"
_TEMPLATE = Path(__file__).with_name("calibration.html.j2")
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, WIDTH - 12, 12.0, 210.0
_HEIGHT = 234.0
_KEY = (("s1", "as trained"), ("s0", "calibrated"))


def write_page(folder: Path, name: str, calibration: Calibration) -> None:
    """Write the page of the calibration of the run called `name` into its folder."""
    tested = [test for test in (calibration.real, calibration.synthetic) if test is not None]
    content = {
        "name": name,
        "calibration": calibration,
        "tests": [(test, (reliability(test), risk(test))) for test in tested],
    }
    write_atomically(folder / PAGE, page(_TEMPLATE, content))


def reliability(test: TestedConfidence) -> Drawing:
    """How often images are told right over how sure the classifier is (Guo et al., ICML 2017)."""
    across = Axis(0.0, 1.0, _LEFT, _RIGHT, _SHARES)
    up = Axis(0.0, 1.0, _BOTTOM, _TOP, _SHARES)
    names = [percent(share, 0) for share in _SHARES]
    shapes = [
        *grid(across, up, (names, names)),
        line(_LEFT, _BOTTOM, _RIGHT, _TOP, "baseline"),
    ]
    assert test.before is not None  # a run's logits are known
    for figures, (kind, called) in zip((test.before, test.after), _KEY, strict=True):
        places = [
            (across.place(one.confidence), up.place(one.accuracy)) for one in figures.reliability
        ]
        shapes.append(path(places, f"line {kind}"))
        shapes += [
            dot(x, y, kind, _hint(called, figures, number)) for number, (x, y) in enumerate(places)
        ]
    return Drawing(
        "Reliability",
        f"calibration error {percent(test.before.ece)} as trained, {percent(test.after.ece)} "
        "calibrated",
        _HEIGHT,
        tuple(shapes),
        "Across: the probability of the class that is named. Up: how often it is right. On the "
        "dashed line, probabilities are honest; below it, the classifier is too sure.",
        _KEY,
    )


def risk(test: TestedConfidence) -> Drawing:
    """The share of errors over the share of images that are answered (Geifman et al., 2019)."""
    risks = test.after.risks
    marks = ticks(0.0, max(*risks, 0.01), 4)
    across = Axis(0.0, 1.0, _LEFT, _RIGHT, _SHARES)
    up = Axis(0.0, marks[-1], _BOTTOM, _TOP, tuple(marks))
    names = ([percent(share, 0) for share in _SHARES], [percent(mark, 0) for mark in marks])
    covered = [(number + 1) / len(risks) for number in range(len(risks))]
    places = _places(across, up, covered, risks)
    dots = [
        dot(x, y, "s0", f"{percent(share, 0)} answered: {percent(errors)} wrong")
        for (x, y), share, errors in zip(places, covered, risks, strict=True)
    ]
    return Drawing(
        "Risk by coverage",
        f"{percent(risks[-1])} of all are wrong, {percent(risks[0])} of the surest tenth",
        _HEIGHT,
        (*grid(across, up, names), path(places, "line s0"), *dots),
        "Across: the share of images that is answered, the surest first. Up: the share of errors "
        "among them.",
    )


def _places(
    across: Axis, up: Axis, first: Sequence[float], second: Sequence[float]
) -> list[tuple[float, float]]:
    return [(across.place(x), up.place(y)) for x, y in zip(first, second, strict=True)]


def _hint(called: str, figures: ConfidenceFigures, number: int) -> str:
    one = figures.reliability[number]
    return (
        f"{called}: {one.images:,} images, sure by {percent(one.confidence)}, "
        f"{percent(one.accuracy)} right"
    )
