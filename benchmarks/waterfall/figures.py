"""From what rows did in their rounds to the waterfall's figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...base.sides import as_sides
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..generation.entrant import Contest, Entrant, FirstRun
from ..generation.job import GenerationJob
from ..harness import Measurement, doubts, measured_row, ratios
from .chain import Link

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
_MOST = 255


def figures(
    links: Sequence[Link], contest: Contest, job: GenerationJob, flop: Mapping[str, float]
) -> Figures:
    """A row for each of `links`, whose contenders are those of `contest`, in this order.

    `flop` are those of an image, by the contender's name. Speeds and images are compared to those
    of the first row that could be started, speeds also to those of the row that a row changes one
    thing of.
    """
    measured = {one.name: one for one in contest.rounds.measurements}
    served = [one for one in contest.entrants if one.first is not None]
    baseline = served[0] if served else None
    speeds = {
        link.name: measured.get(one.name.text)
        for link, one in zip(links, contest.entrants, strict=True)
    }
    rows = []
    for link, entrant in zip(links, contest.entrants, strict=True):
        row = _row(link, entrant, speeds, baseline, measured, job.images, flop)
        rows.append(row)
    reasons = doubts(contest.rounds)
    return Figures(
        rows=tuple(rows),
        facts={
            "generate_size": as_sides(*job.generate_size),
            "images": job.images,
            "in_turn": contest.in_turn,
        },
        reasons=tuple(reasons if served else [*reasons, "no row could serve"]),
        finished=contest.rounds.done == contest.rounds.wanted,
    )


def _row(
    link: Link,
    entrant: Entrant,
    speeds: Mapping[str, Measurement | None],
    baseline: Entrant | None,
    measured: Mapping[str, Measurement],
    images: int,
    flop: Mapping[str, float],
) -> Row:
    text = entrant.name.text
    facts = {"contender": text, "from": link.before, "changes": link.changes}
    if entrant.first is None or baseline is None or baseline.first is None:
        return Row(link.name, facts=facts, reason=entrant.reason)
    own = measured.get(text) or Measurement(text)
    row = measured_row(
        own,
        measured.get(baseline.name.text),
        rates={
            "images_per_second": (images, "images/s"),
            "flop_per_second": (images * flop[text], "FLOP/s"),
        },
        facts={**facts, "batch_size": entrant.batch_size, "flop_per_image": flop[text]},
    )
    metrics = {**row.metrics, **_of_first_run(entrant.first, baseline.first)}
    before = speeds.get(link.before or "")
    if before is not None and (each := ratios(own, before)):
        metrics["ratio_before"] = Metric(tuple(each), "x", "higher")
    return replace(row, name=link.name, metrics=metrics, is_baseline=entrant is baseline)


def _of_first_run(first: FirstRun, baseline: FirstRun) -> dict[str, Metric]:
    apart = np.abs(first.pixels.astype(np.int16) - baseline.pixels)
    metrics = {
        "memory_bytes": Metric((float(first.memory_bytes),), "B", "lower"),
        "load_seconds": Metric((first.load_seconds,), "s", "lower"),
        "mean_difference_of_255": Metric((float(apart.mean()),), "1", "lower"),
        "max_difference_of_255": Metric((float(apart.max()),), "1", "lower"),
    }
    psnr = peak_signal_to_noise(first.pixels, baseline.pixels)
    if psnr is not None:
        metrics["psnr"] = Metric((psnr,), "dB", "higher")
    return metrics


def peak_signal_to_noise(pixels: Pixels, reference: Pixels) -> float | None:
    """Of all pixels of uint8 images, in dB; None where they are the same."""
    error = np.square(pixels.astype(np.float64) - reference).mean()
    return float(10 * math.log10(_MOST**2 / error)) if error else None
