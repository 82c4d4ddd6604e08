"""Facts and verdicts of the timed batches as a whole."""

from __future__ import annotations

from statistics import median
from typing import Any

from ...report.results.result import Row
from .clocks import main_clock
from .guard import Likeness
from .harness_cost import harness_cost
from .limits import Limits
from .stage_work import BatchWork
from .sweep import KNEE
from .timing import Timed
from .verdicts import costly_harness, throttled, too_few, unstable, wrong_sum
from .worker import Loaded


def timing_reasons(whole: Row, timed: Timed) -> list[str]:
    """Why the batches' figures are not to be trusted."""
    seconds = whole.metrics["seconds"]
    cost = harness_cost(seconds.values, timed.unseen)
    found = (
        too_few(seconds),
        unstable(seconds),
        throttled(main_clock(timed.clocks_before), main_clock(timed.clocks_after)),
        wrong_sum(whole.metrics["share_of_stages"].median),
        costly_harness(cost.interval),
    )
    return [reason for reason in found if reason is not None]


def timing_facts(timed: Timed, loaded: Loaded, work: BatchWork, limits: Limits) -> dict[str, Any]:
    """What holds for all rows of stages."""
    seconds = [record.seconds for record in timed.seen]
    cost = harness_cost(seconds, timed.unseen)
    noting = None
    if timed.noting_seconds is not None:
        intervals = len(timed.seen[0].intervals)
        noting = intervals * timed.noting_seconds / median(timed.unseen)
    return {
        "harness": {
            "share": cost.share,
            "interval": list(cost.interval),
            "noting_share": noting,
        },
        "ceilings": {
            "copy_bytes_per_second": limits.bytes_per_second,
            "copy_clocks": limits.copy_clocks,
            "matmul": {
                dtype: {"flop_per_second": one.flop_per_second, "clocks": one.clocks}
                for dtype, one in limits.matmul.items()
            },
        },
        "clocks": {"before": timed.clocks_before, "after": timed.clocks_after},
        "memory": timed.memory,
        "energy": _energy(timed, loaded, work, limits),
        "work": {
            "flop_per_batch": work.flop,
            "bytes": "each operator reads its inputs and writes its results; weights once a call",
            "not_counted": list(work.reasons),
        },
        "knee": f"the smallest batch with {100 * KNEE:.0f} % of the best images/s",
    }


def guard_reasons(compared: Likeness, least_psnr: float) -> list[str]:
    """Why the images are not those that they should be."""
    found = []
    if compared.psnr is not None and compared.psnr < least_psnr:
        found.append(
            f"the images are not the reference's: PSNR {compared.psnr:.1f} dB, {least_psnr:g} dB "
            "is the least"
        )
    if compared.missing:
        found.append(
            f"{compared.missing} images are pictures by only one of this engine and the reference"
        )
    return found


def _energy(timed: Timed, loaded: Loaded, work: BatchWork, limits: Limits) -> dict[str, Any]:
    """Measured beside predicted, only where it was measured."""
    if isinstance(timed.joules, str):
        return {"not_measured": timed.joules}
    found: dict[str, Any] = {
        "source": timed.energy_source,
        "joules_per_image": median(timed.joules),
    }
    each = limits.matmul[loaded.dtype].joules_per_flop
    if each is not None and work.flop is not None:
        found["predicted_joules_per_image"] = each * work.flop / loaded.batch_size
        found["predicted_from"] = "operations, and joules for each while multiplying matrices"
    return found
