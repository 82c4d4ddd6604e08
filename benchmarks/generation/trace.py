"""How much of the time a GPU has nothing to do while our generator runs: the gaps in a trace.

    zeroreal bench trace ours:torch/bf16/graphs@32 --random-weights sd15 --steps 20

The trace itself, for chrome://tracing or ui.perfetto.dev, goes to the file named by --trace.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ...base import InputError, resolve_device
from ...base.device import matmul_dtype
from ...base.sides import as_sides
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..harness import SILENT, Progress, check_counts
from .contender import OURS, GeneratorName, parse_contender
from .our_generator import OurGenerator
from .settings import TraceSettings
from .work import benchmark_model, check_work, generation_job

_WARM_UP_CALLS = 2  # the first compiles, the second records CUDA graphs
_DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")  # categories of Kineto's events


@dataclass(frozen=True)
class Gaps:
    """When nothing ran on the device, between its first work and its last; microseconds."""

    span: float
    idle: float
    longest: float
    count: int


def gaps_between(intervals: Iterable[tuple[float, float]]) -> Gaps:
    """The gaps between the begins and ends of work, which may overlap and be in any order."""
    ordered = sorted(intervals)
    first, busy_until = ordered[0]
    gaps = []
    for begin, end in ordered:
        if begin > busy_until:
            gaps.append(begin - busy_until)
        busy_until = max(busy_until, end)
    return Gaps(busy_until - first, sum(gaps), max(gaps, default=0.0), len(gaps))


def device_intervals(trace: dict[str, Any]) -> list[tuple[float, float]]:
    """Begin and end, in microseconds, of all work on the device in a Chrome trace of PyTorch's."""
    return [
        (event["ts"], event["ts"] + event["dur"])
        for event in trace["traceEvents"]
        if event.get("cat") in _DEVICE_WORK
    ]


def measure_trace(settings: TraceSettings, progress: Progress = SILENT) -> Figures:
    """Trace a run that is warmed up, and give its gaps.

    Raises `InputError` for settings that cannot be used.
    """
    name, batch_size, device = _check(settings)
    with benchmark_model(settings) as folder:
        images = settings.batches * batch_size
        job = generation_job(settings, folder, images=images, device=str(device))
        progress.tell(f"{name.text}: loading and warming up")
        generator, specs = OurGenerator(job, name, batch_size), job.specs()
        for _ in range(_WARM_UP_CALLS):
            generator.images(specs)
        progress.tell(f"{name.text}: tracing")
        torch.cuda.synchronize(device)
        generator.show_ranges(record_function)
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            generator.images(specs)
            torch.cuda.synchronize(device)
    gaps = gaps_between(device_intervals(_exported(profiler, settings.trace)))
    return Figures(
        (_row(name, gaps),), {"generate_size": as_sides(*job.generate_size), "images": job.images}
    )


def _check(settings: TraceSettings) -> tuple[GeneratorName, int, torch.device]:
    """The contender, its batch size, and a GPU."""
    name = parse_contender(settings.contender)
    if name.program != OURS or name.batch_size is None:
        raise InputError(f"{name.text!r} cannot be traced: give ours with a batch, such as @32")
    check_counts({"batches": settings.batches})
    check_work(settings)
    device = resolve_device(settings.device)
    if device.type != "cuda":
        raise InputError(f"on {str(device)!r} there is no other device to wait for: use a GPU")
    matmul_dtype(name.precision, device)
    return name, name.batch_size, device


def _row(name: GeneratorName, gaps: Gaps) -> Row:
    seconds = {
        "span_seconds": gaps.span,
        "idle_seconds": gaps.idle,
        "longest_gap_seconds": gaps.longest,
    }
    metrics = {title: Metric((value / 1e6,), "s", "lower") for title, value in seconds.items()}
    metrics["idle_share"] = Metric((gaps.idle / gaps.span,), "1", "lower")
    return Row(name.text, metrics=metrics, facts={"gaps": gaps.count})


def _exported(profiler: profile, path: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = path or Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        trace: dict[str, Any] = json.loads(path.read_text())
        return trace
