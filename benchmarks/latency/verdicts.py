"""What limits a stage, and whether figures are to be trusted, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ...report.results.metric import Metric
from .roofline import Side

# Both as in trtexec's report: samples/common/sampleReporting.cpp of NVIDIA/TensorRT.
ENQUEUE_BOUND = 0.8
"""Share of a GPU's time that the host may take to give it the work."""
LARGEST_VARIATION = 0.025
"""Coefficient of variation of whole batches, above which they are unstable."""
SUM_TOLERANCE = 0.02
"""Share of a batch that no stage may account for."""
HARNESS_SHARE = 0.005
"""What looking at the stages may cost."""
LEAST_FOR_P99 = 100
_SLOWED = 0.95


def bound_by(
    seconds: Sequence[float], enqueue: Sequence[float], side: Side | None
) -> Side | str | None:
    """What a stage is bound by: `enqueue`, or the roof above it; None where neither is known.

    `enqueue` are the host's seconds for giving a GPU the work; none on a CPU.
    """
    if enqueue:
        given, taken = Metric(tuple(enqueue), "s").median, Metric(tuple(seconds), "s").median
        if given > ENQUEUE_BOUND * taken:
            return "enqueue"
    return side


def unstable(whole: Metric) -> str | None:
    """Why the seconds of whole batches vary too much, if they do."""
    if whole.variation <= LARGEST_VARIATION:
        return None
    return (
        f"unstable: the seconds of a batch vary by {100 * whole.variation:.1f} % (coefficient of "
        f"variation), {100 * LARGEST_VARIATION:g} % is the most"
    )


def too_few(whole: Metric) -> str | None:
    """Why there are too few batches for a 99th percentile, if there are."""
    count = len(whole.values)
    if count >= LEAST_FOR_P99:
        return None
    return f"too few samples: {count} batches, {LEAST_FOR_P99} are needed for a 99th percentile"


def throttled(before: float | None, after: float | None) -> str | None:
    """Whether clocks, in MHz, fell from one end of the measurement to the other."""
    if not before or not after or after >= _SLOWED * before:
        return None
    return f"throttled: clocks fell from {before:.0f} to {after:.0f} MHz while batches were timed"


def wrong_sum(share: float) -> str | None:
    """Why the stages' seconds, as a `share` of the whole's, do not account for it."""
    if abs(1 - share) <= SUM_TOLERANCE:
        return None
    return (
        f"the stages sum to {100 * share:.1f} % of a batch, it must be within "
        f"{100 * SUM_TOLERANCE:g} % of it"
    )


def costly_harness(interval: tuple[float, float]) -> str | None:
    """Why looking at stages costs too much: by its least cost, of the `interval` it is within."""
    low, high = interval
    if low <= HARNESS_SHARE:
        return None
    return (
        f"looking at the stages costs {100 * low:.1f} % to {100 * high:.1f} % of a batch, "
        f"{100 * HARNESS_SHARE:g} % is the most"
    )
