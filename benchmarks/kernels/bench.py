"""Our kernels against plain PyTorch, eager and compiled: time, bytes and share of the bandwidth.

Bytes are those of inputs and outputs, each counted once; the bandwidth is that of copying. On a GPU
calls are recorded as a CUDA graph, for a call from Python takes longer than a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

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
    replayed,
    run_rounds,
    timed,
)
from ..harness.ceilings import measure_copy
from .cases import KERNELS, SIZES, KernelCase, cases_of
from .settings import KernelSettings

OURS, EAGER, COMPILED = "ours", "eager", "compiled"
_ROUND_SECONDS = 0.1
_CALLS_A_REPLAY = 50


@dataclass(frozen=True)
class _Timing:
    """How the rounds of a contender are timed."""

    seconds: Callable[[], float]
    """Of one call, on average."""
    by: str
    reason: str | None = None
    """Why calls from Python had to do on a GPU."""


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
    ceiling = measure_copy(device)
    facts = {
        "native_library": native_library_status()[device.type].reason or "loaded",
        "copy_ceiling": asdict(ceiling),
    }
    rows: list[Row] = []
    reasons: list[str] = []
    finished = True
    chosen = settings.kernels or tuple(KERNELS)
    for name, case in cases_of(chosen, SIZES[device.type], device):
        progress.tell(name)
        timings, failed = _timings(case, device)
        contenders = [Contender(title, timing.seconds) for title, timing in timings.items()]
        rounds = run_rounds(contenders, settings.rounds)
        rows += _rows(name, case, rounds, timings, failed, ceiling.best)
        slow = [f"{title} {timing.reason}" for title, timing in timings.items() if timing.reason]
        reasons += [f"{name}: {doubt}" for doubt in (*doubts(rounds), *slow)]
        finished = rounds.done == rounds.wanted
        progress.keep(Figures(tuple(rows), facts, tuple(reasons), finished=False))
        if not finished:
            break
    return Figures(tuple(rows), facts, tuple(reasons), finished)


def _timings(case: KernelCase, device: torch.device) -> tuple[dict[str, _Timing], dict[str, str]]:
    """Those that can serve, warmed up, and the reasons of those that cannot."""
    # For these shapes: not for any, as a second case of a kernel would be.
    compiled = torch.compile(case.reference, dynamic=False)
    works = {OURS: case.ours, **case.others, EAGER: case.reference, COMPILED: compiled}
    timings, failed = {}, {}
    for name, work in works.items():
        try:
            timings[name] = _timing(work, device)
        except Exception as error:  # a compiler may fail in any way
            failed[name] = reason_of(error)
    return timings, failed


def _timing(work: Callable[[], object], device: torch.device) -> _Timing:
    work()  # compiles
    reason, by, calls, timed_work = None, "calls", 1, work
    if device.type == "cuda":
        try:
            timed_work = replayed(work, device, _CALLS_A_REPLAY)
            by, calls = "replays of a CUDA graph", _CALLS_A_REPLAY
        except Exception as error:  # it may wait for the device, say
            reason = f"is timed by calls from Python, as no graph records it ({reason_of(error)})"
    repeats = calibrated(timed_work, device, _ROUND_SECONDS)
    return _Timing(lambda: timed(timed_work, device, repeats) / calls, by, reason)


def _rows(
    kernel: str,
    case: KernelCase,
    rounds: Rounds,
    timings: dict[str, _Timing],
    failed: dict[str, str],
    bandwidth: float,
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
            facts={"bytes": moved, "timed_by": timings[name].by if name in timings else None},
        )
        for name in (OURS, *case.others, EAGER, COMPILED)
    ]


def _bytes(results: object) -> int:
    """Bytes of a tensor, or of all in a tuple."""
    tensors: Sequence[object] = results if isinstance(results, tuple) else (results,)
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, Tensor))
