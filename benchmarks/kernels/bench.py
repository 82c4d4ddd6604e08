"""Our kernels against plain PyTorch, eager and compiled: time, bytes and share of the bandwidth.

Bytes are those of inputs and outputs, each counted once; the bandwidth is that of copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ...base import keep_freed_memory, resolve_device, unknown
from ...kernels import native_library_status
from ...report.results.result import Figures, Row
from ..harness import (
    SILENT,
    Contender,
    Measurement,
    Progress,
    Rounds,
    calibrated,
    check_counts,
    doubts,
    measured_row,
    reason_of,
    run_rounds,
    timed,
)
from ..harness.ceilings import copy_bandwidth
from .cases import KERNELS, SIZES, KernelCase
from .settings import KernelSettings

OURS, EAGER, COMPILED = CONTENDERS = ("ours", "eager", "compiled")
_ROUND_SECONDS = 0.1


def measure_kernels(settings: KernelSettings, progress: Progress = SILENT) -> Figures:
    """Measure, a case for each kernel; what there is is kept after each.

    Ctrl-C ends the kernel in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    for name in settings.kernels:
        if name not in KERNELS:
            raise unknown("kernel", name, KERNELS)
    check_counts({"rounds": settings.rounds})
    device = resolve_device(settings.device)
    if device.type == "cpu":
        keep_freed_memory()  # as the generator does; it serves all contenders
    bandwidth = copy_bandwidth(device)
    facts = {
        "native_library": native_library_status()[device.type].reason or "loaded",
        "copy_bytes_per_second": bandwidth,
    }
    rows: list[Row] = []
    reasons: list[str] = []
    finished = True
    for name in settings.kernels or tuple(KERNELS):
        progress.tell(name)
        case = KERNELS[name](SIZES[device.type], device)
        rounds, failed = _measure(case, device, settings.rounds)
        rows += _rows(name, case, rounds, failed, bandwidth)
        reasons += [f"{name}: {doubt}" for doubt in doubts(rounds)]
        finished = rounds.done == rounds.wanted
        progress.keep(Figures(tuple(rows), facts, tuple(reasons), finished=False))
        if not finished:
            break
    return Figures(tuple(rows), facts, tuple(reasons), finished)


def _measure(case: KernelCase, device: torch.device, rounds: int) -> tuple[Rounds, dict[str, str]]:
    """The rounds of those that can serve, and the reasons of those that cannot."""
    works = dict(
        zip(CONTENDERS, (case.ours, case.reference, torch.compile(case.reference)), strict=True)
    )
    contenders, failed = [], {}
    for name, work in works.items():
        try:
            repeats = calibrated(work, device, _ROUND_SECONDS)
        except Exception as error:  # a compiler may fail in any way
            failed[name] = reason_of(error)
            continue
        contenders.append(Contender(name, partial(timed, work, device, repeats)))
    return run_rounds(contenders, rounds), failed


def _rows(
    kernel: str, case: KernelCase, rounds: Rounds, failed: dict[str, str], bandwidth: float
) -> list[Row]:
    moved = float(case.read_bytes + _bytes(case.ours()))
    measured = {measurement.name: measurement for measurement in rounds.measurements}
    rates = {"bytes_per_second": (moved, "B/s"), "share_of_copy": (moved / bandwidth, "1")}
    return [
        measured_row(
            measured.get(name) or Measurement(name, reason=failed[name]),
            measured.get(EAGER),
            case=f"{kernel}, {case.shape}",
            rates=rates,
            facts={"bytes": moved},
        )
        for name in CONTENDERS
    ]


def _bytes(results: object) -> int:
    """Bytes of a tensor, or of all in a tuple."""
    tensors: Sequence[object] = results if isinstance(results, tuple) else (results,)
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, Tensor))
