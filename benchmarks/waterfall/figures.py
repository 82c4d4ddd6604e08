"""From what rows did in their rounds to the waterfall's figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...report.results.metric import Metric
from ...report.results.result import Row
from ..harness import Measurement, measured_row, ratios
from .chain import Link

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
_MOST = 255


@dataclass(frozen=True)
class Difference:
    """How far two sets of images are apart, of 255."""

    mean: float
    max: int
    psnr: float | None
    """Of all pixels, in dB; None where they are the same."""


@dataclass(frozen=True)
class Ready:
    """What is known of a row before its rounds."""

    batch_size: int
    flop: float
    """Of one image."""
    memory_bytes: int
    """At the peak."""
    load_seconds: float
    difference: Difference
    """To the first row's images."""


@dataclass(frozen=True)
class Measured:
    """A row: ready and measured, or why it cannot serve."""

    link: Link
    measurement: Measurement
    ready: Ready | None = None


def difference(pixels: Pixels, first: Pixels) -> Difference:
    """How far images are from the first row's, uint8 `[N, size, size, 3]`."""
    apart = np.abs(pixels.astype(np.int16) - first)
    error = float(np.square(apart, dtype=np.float64).mean())
    psnr = 10 * math.log10(_MOST**2 / error) if error else None
    return Difference(float(apart.mean()), int(apart.max()), psnr)


def rows_of(measured: Sequence[Measured], images: int) -> tuple[Row, ...]:
    """Rows of a result; `images` are those of a round.

    Ratios are to the first row that served, and to the one that a row changes one thing of.
    """
    by_name = {one.link.name: one.measurement for one in measured}
    first = next((one.measurement for one in measured if one.ready is not None), None)
    return tuple(_row(one, first, by_name, images) for one in measured)


def _row(
    one: Measured, first: Measurement | None, by_name: Mapping[str, Measurement], images: int
) -> Row:
    link, ready = one.link, one.ready
    facts: dict[str, Any] = {
        "contender": link.contender,
        "from": link.before,
        "changes": link.changes,
    }
    if ready is None:
        return Row(link.name, facts=facts, reason=one.measurement.reason)
    row = measured_row(
        one.measurement,
        first,
        rates={
            "images_per_second": (images, "images/s"),
            "flop_per_second": (images * ready.flop, "FLOP/s"),
        },
        facts={**facts, "batch_size": ready.batch_size, "flop_per_image": ready.flop},
    )
    metrics = {**row.metrics, **_metrics_of(ready)}
    before = by_name.get(link.before or "")
    if before is not None and (each := ratios(one.measurement, before)):
        metrics["ratio_before"] = Metric(tuple(each), "x", "higher")
    return replace(row, metrics=metrics)


def _metrics_of(ready: Ready) -> dict[str, Metric]:
    apart = ready.difference
    metrics = {
        "memory_bytes": Metric((float(ready.memory_bytes),), "B", "lower"),
        "load_seconds": Metric((ready.load_seconds,), "s", "lower"),
        "mean_difference_of_255": Metric((apart.mean,), "1", "lower"),
        "max_difference_of_255": Metric((float(apart.max),), "1", "lower"),
    }
    if apart.psnr is not None:
        metrics["psnr"] = Metric((apart.psnr,), "dB", "higher")
    return metrics
