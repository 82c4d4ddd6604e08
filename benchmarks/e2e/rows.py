"""Rows of the result: by number of images, to each accuracy, and at equal time.

Contenders are compared by seed: the first one's run of a seed with another's run of that seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Row
from .curve import Point, accuracy_in, seconds_to
from .interval import ratio_interval
from .run_figures import RunFigures

RunsOf = Mapping[str, Mapping[tuple[int, int], RunFigures]]
"""By contender, then by number of images and seed; what is not done yet is not in it."""
BySeed = Mapping[int, float]
_STAGES = ("startup_seconds", "generate_seconds", "save_seconds", "train_seconds")


def rows_of(
    runs: RunsOf, images: Sequence[int], levels: Sequence[float], failed: Mapping[str, str]
) -> tuple[Row, ...]:
    """All rows; the first of `runs` is what others are compared to.

    `failed` has the reasons of contenders that could not go on, which are told once.
    """
    curves = {name: _curves(own, images) for name, own in runs.items()}
    rungs = [
        _rung_rows(runs, count, failed if count == min(images) else {}) for count in sorted(images)
    ]
    reached = [_level_rows(curves, level) for level in levels]
    timed = [_time_rows(curves, count) for count in sorted(images)]
    return tuple(row for rows in (*rungs, *reached, *timed) for row in rows)


def _curves(
    own: Mapping[tuple[int, int], RunFigures], images: Sequence[int]
) -> dict[int, list[Point]]:
    """The runs of each seed that has them for all numbers of images, fewest images first."""
    counts = sorted(images)
    return {
        seed: [
            Point(count, own[count, seed].seconds, own[count, seed].accuracy) for count in counts
        ]
        for seed in dict.fromkeys(seed for _, seed in own)
        if all((count, seed) in own for count in counts)
    }


def _rung_rows(runs: RunsOf, images: int, failed: Mapping[str, str]) -> list[Row]:
    """What each contender came to with this number of images."""
    first: BySeed | None = None
    rows = []
    for name, own in runs.items():
        done = {seed: one for (count, seed), one in own.items() if count == images}
        seconds = {seed: one.seconds for seed, one in done.items()}
        first = seconds if first is None else first
        metrics, facts = _ratio(seconds, first)
        if done:
            metrics |= {
                stage: Metric(tuple(getattr(one, stage) for one in done.values()), "s", "lower")
                for stage in ("seconds", *_STAGES)
            }
            accuracies = tuple(one.accuracy for one in done.values())
            metrics["accuracy"] = Metric(accuracies, "1", "higher")
            facts |= dict(next(iter(done.values())).facts)
        facts |= {"images": images, "seeds": list(done)}
        case, reason = f"{images} images", failed.get(name)
        rows.append(Row(name, case, metrics, facts, reason, is_baseline=seconds is first))
    return rows


def _level_rows(curves: Mapping[str, Mapping[int, list[Point]]], level: float) -> list[Row]:
    """How long each contender takes to an accuracy."""
    times: dict[str, dict[int, float]] = {}
    for name, own in curves.items():
        found = {seed: seconds_to(points, level) for seed, points in own.items()}
        times[name] = {seed: seconds for seed, seconds in found.items() if seconds is not None}
    first = next(iter(curves), "")
    rows = []
    for name, own in curves.items():
        if not own:
            continue
        best = tuple(points[-1].accuracy for points in own.values())
        metrics = {"best_accuracy": Metric(best, "1", "higher")}
        facts: dict[str, Any] = {
            "level": level,
            "reached": f"{len(times[name])} of {len(own)}",
            "reached_with_the_fewest": sum(points[0].accuracy >= level for points in own.values()),
        }
        if len(times[name]) == len(own):
            metrics["seconds"] = Metric(tuple(times[name].values()), "s", "lower")
            more, ratio_facts = _ratio(times[name], times[first])
            metrics, facts = {**metrics, **more}, {**facts, **ratio_facts}
        else:
            facts |= {"seconds": "not reached", **_bound(own, times[first])}
        rows.append(Row(name, f"to {100 * level:g} %", metrics, facts, is_baseline=name == first))
    return rows


def _bound(own: Mapping[int, list[Point]], first: BySeed) -> dict[str, str]:
    """What the ratio is above, where the time to a level is above that of the most images."""
    least = [own[seed][-1].seconds / first[seed] for seed in own if seed in first]
    return {"time_ratio": f"over {median(least):.2f}"} if least else {}


def _time_rows(curves: Mapping[str, Mapping[int, list[Point]]], images: int) -> list[Row]:
    """The accuracy of each contender in the time of the first one's run with so many images."""
    first = next(iter(curves), "")
    times = {
        seed: point.seconds
        for seed, points in curves.get(first, {}).items()
        for point in points
        if point.images == images
    }
    rows = []
    for name, own in curves.items():
        both = [seed for seed in own if seed in times]
        found = [accuracy_in(own[seed], times[seed]) for seed in both]
        known = tuple(accuracy for accuracy in found if accuracy is not None)
        if not both:
            continue
        metrics = {"seconds": Metric(tuple(times[seed] for seed in both), "s", "lower")}
        facts: dict[str, Any] = {"seeds": both}
        if len(known) == len(found):
            metrics["accuracy"] = Metric(known, "1", "higher")
        else:
            facts["accuracy"] = "not measured"
        case = f"in the time of {first} with {images} images"
        rows.append(Row(name, case, metrics, facts, is_baseline=name == first))
    return rows


def _ratio(own: BySeed, first: BySeed) -> tuple[dict[str, Metric], dict[str, Any]]:
    """How many times the first one's seconds, by seed: the metric, and its interval in words."""
    ratios = tuple(own[seed] / first[seed] for seed in own if seed in first)
    if not ratios:
        return {}, {}
    facts = {}
    if own is not first and (interval := ratio_interval(ratios)) is not None:
        facts["time_ratio_interval"] = f"{interval[0]:.2f}-{interval[1]:.2f}"
    return {"time_ratio": Metric(ratios, "x")}, facts
