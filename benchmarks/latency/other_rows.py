"""Rows of what is measured beside stages: batch sizes, images, new processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Row
from .guard import Likeness
from .start import Start
from .sweep import SizePoint, knee

SIZES, GUARD, START = "batch sizes", "images against PyTorch fp32", "new process"


def size_rows(points: Sequence[SizePoint]) -> list[Row]:
    """A row for each batch size, ascending, the knee marked."""
    ordered = sorted(points, key=lambda one: one.batch_size)
    rates = [
        (one.batch_size, Metric(one.images_per_second, "images/s").median)
        for one in ordered
        if one.seconds
    ]
    best = knee(rates) if len(rates) > 1 else None
    return [_size_row(one, one.batch_size == best) for one in ordered]


def guard_row(compared: Likeness) -> Row:
    """How far the images are from the reference's."""
    facts = {
        "psnr": "same" if compared.psnr is None else compared.psnr,
        "lowest_psnr": "same" if compared.lowest_psnr is None else compared.lowest_psnr,
        "images": len(compared.mean_differences),
        "missing": compared.missing,
    }
    levels = tuple(map(float, compared.largest_differences))
    metrics = {
        "mean_difference_of_255": Metric(compared.mean_differences, "levels", "lower"),
        "largest_difference_of_255": Metric(levels, "levels", "lower"),
    }
    return Row("images", GUARD, metrics, facts)


def start_rows(starts: Sequence[Start]) -> list[Row]:
    """What a new process does until its first images are there."""
    seconds = {
        "import": [one.importing for one in starts],
        "engine load": [one.load for one in starts],
        "first images": [one.first for one in starts],
        "cold start": [one.whole for one in starts],
    }
    return [
        Row(name, START, {"process_seconds": Metric(tuple(values), "s", "lower")})
        for name, values in seconds.items()
    ]


def _size_row(point: SizePoint, is_knee: bool) -> Row:
    metrics = {}
    if point.seconds:
        metrics["seconds"] = Metric(point.seconds, "s", "lower")
        metrics["images_per_second"] = Metric(point.images_per_second, "images/s", "higher")
    if point.joules:
        metrics["joules_per_image"] = Metric(point.joules, "J", "lower")
    facts: dict[str, Any] = dict(point.memory)
    if is_knee:
        facts["note"] = "knee"
    return Row(f"batch {point.batch_size}", SIZES, metrics, facts, point.reason)
