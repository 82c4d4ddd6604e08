"""What was measured of levers as figures of a result: speed and accuracy of each, and the curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ...train import TrainSettings
from .figures import both
from .lever_settings import BASELINE, CHANGES, LEVERS
from .lever_table import Results
from .settings import LeversSettings

IMAGES = 2_000
CURVE = (50, 100, 200, 500, 1_000, IMAGES, 4_000)
_ROUNDED_TO = 100  # images: speeds are not known better than to a few percent
_MEASURED = ("command", "date", "environment")  # of speeds, which may be older than the rest


def lever_figures(
    settings: LeversSettings,
    results: Results,
    differences: Mapping[str, Mapping[int, float]],
    speed: Mapping[str, Any] | None,
    finished: bool,
) -> Figures:
    """A row for each lever, those of the curve, and one of training.

    `differences` are the mean ones of images, by lever and seed.
    """
    rows = [
        _row(name, results.get(name, {}), differences.get(name, {}), speed)
        for name in chosen(settings)
    ]
    facts: dict[str, Any] = {"images": IMAGES, "epochs": TrainSettings.epochs}
    reasons: tuple[str, ...] = ()
    if "curve" in settings.phases:
        rows += [
            Row(f"{count} images", "baseline by images", both(by_seed), {"images": count})
            for count, by_seed in sorted(results.get(BASELINE, {}).items())
            if count in CURVE
        ]
    if speed is not None:
        rows.append(Row("training", "training", {"images_per_second": _rate(speed["training"])}))
        facts["speeds_measured"] = {name: speed[name] for name in _MEASURED if name in speed}
        reasons = tuple(f"speed: {doubt}" for doubt in speed.get("doubts", ()))
    return Figures(tuple(rows), facts, reasons, finished)


def chosen(settings: LeversSettings) -> tuple[str, ...]:
    """Names of the levers that are measured."""
    return settings.settings or tuple(LEVERS)


def equal_time_images(speed: Mapping[str, Any], name: str) -> int:
    """Images of setting `name`, in hundreds, that take as long as the baseline's `IMAGES`.

    Generation and training are counted.
    """
    training = TrainSettings.epochs / _rate(speed["training"]).median

    def seconds(setting: str) -> float:
        return 1 / _rate(speed["generation"][setting]).median + training

    return round(IMAGES * seconds(BASELINE) / seconds(name) / _ROUNDED_TO) * _ROUNDED_TO


def _row(
    name: str,
    by_images: Mapping[int, Mapping[int, Any]],
    differences: Mapping[int, float],
    speed: Mapping[str, Any] | None,
) -> Row:
    metrics: dict[str, Metric] = {}
    facts: dict[str, Any] = {"change": dict(CHANGES[name])}
    reason: str | None = None
    if speed is not None:
        reason = speed.get("refused", {}).get(name)
    if speed is not None and name in speed["generation"]:
        own = dict(speed["generation"][name])
        metrics["images_per_second"] = _rate(own)
        metrics["ratio"] = Metric(tuple(own.pop("ratio")), "x", "higher")
        del own["images_per_second"]
        images = equal_time_images(speed, name)
        facts |= {**own, "equal_time_images": images}
        if images in by_images:
            metrics |= both(by_images[images], "_at_equal_time")
    if IMAGES in by_images:
        metrics |= both(by_images[IMAGES])
    if differences:
        values = tuple(differences.values())
        metrics["mean_difference_of_255"] = Metric(values, "levels", "lower")
    return Row(name, "", metrics, facts, reason, is_baseline=name == BASELINE)


def _rate(row: Mapping[str, Any]) -> Metric:
    return Metric(tuple(row["images_per_second"]), "images/s", "higher")
