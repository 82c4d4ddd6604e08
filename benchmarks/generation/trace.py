"""How much of the time a GPU has nothing to do while our generator runs: the gaps in a trace.

    zeroreal bench trace ours:torch/bf16/graphs@32 --random-weights sd15 --steps 20

The trace itself, for chrome://tracing or ui.perfetto.dev, goes to the file named by --trace.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ...base import InputError
from ..harness import Tell, check_counts, run_facts, silent, write_result
from .contender import OURS, GeneratorName, parse_contender
from .contestant import OurGenerator
from .throughput_settings import (
    ThroughputSettings,
    benchmark_model,
    check_settings,
    generation_job,
)

_DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")  # categories of Kineto's events


@dataclass(frozen=True)
class TraceSettings:
    """What is traced."""

    contender: str
    """Ours, with its batch size; see `parse_contender`."""
    model: str | None = None
    """A diffusers folder or hub id; the embedded model by default."""
    random_weights: str | None = None
    """In place of a model: an architecture's name, such as `sd15`."""
    generate_size: int | None = None
    """Side in pixels of generation; the model's own by default."""
    steps: int = 12
    """Denoising steps of an image."""
    scheduler: str | None = None
    """A diffusers scheduler's class name; the model's own by default."""
    guidance: str = "on"
    """`on`: 7.5 for all images; `off`; or `recipe`."""
    batches: int = 4
    """How many are traced."""
    trace: Path | None = None
    """The file for the trace itself; by default it is not kept."""
    result: Path | None = None
    """The file to write."""


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


def bench_trace(settings: TraceSettings, tell: Tell = silent) -> dict[str, Any]:
    """Trace a run that is warmed up, and give its gaps, which are written as well.

    Raises `InputError` for settings that cannot be used.
    """
    name, same = _check(settings)
    with benchmark_model(same) as folder:
        job = generation_job(same, folder)
        tell(f"{name.text}: loading and warming up")
        generator, specs = OurGenerator(job, name, same.images // settings.batches), job.specs()
        generator.images(specs)
        tell(f"{name.text}: tracing")
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            generator.images(specs)
            torch.cuda.synchronize()
    gaps = gaps_between(device_intervals(_exported(profiler, settings.trace)))
    result = {
        **run_facts(torch.device(job.device)),
        "contender": name.text,
        "generate_size": job.generate_size,
        "steps": job.steps,
        "guidance": job.guidance,
        "batches": settings.batches,
        "microseconds": asdict(gaps),
        "idle_share": gaps.idle / gaps.span,
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _check(settings: TraceSettings) -> tuple[GeneratorName, ThroughputSettings]:
    """The contender, and the same work as that of a throughput benchmark."""
    name = parse_contender(settings.contender)
    if name.program != OURS or name.batch_size is None:
        raise InputError(f"{name.text!r} cannot be traced: give ours with a batch, such as @32")
    check_counts({"batches": settings.batches})
    same = ThroughputSettings(
        contenders=(name.text,),
        model=settings.model,
        random_weights=settings.random_weights,
        generate_size=settings.generate_size,
        steps=settings.steps,
        scheduler=settings.scheduler,
        guidance=settings.guidance,
        images=settings.batches * name.batch_size,
        device="cuda",
        result=settings.result,
    )
    check_settings(same)
    return name, same


def _exported(profiler: profile, path: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = path or Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        trace: dict[str, Any] = json.loads(path.read_text())
        return trace
