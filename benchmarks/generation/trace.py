"""How much of the time a GPU has nothing to do while our generator runs: the gaps in a trace.

    python -m zeroreal.benchmarks.generation.trace ours:torch/bf16/graphs@32 --random-weights sd15 \
        --steps 20

The trace itself, for chrome://tracing or ui.perfetto.dev, goes to the file named by --trace.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ...base import InputError
from ..harness import check_result_path, run_facts, write_result
from .contender import OURS, parse_contender
from .contestant import GUIDANCE, OurGenerator
from .throughput import ThroughputSettings, benchmark_model, generation_job

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Trace a run that is warmed up, print its gaps, and write the result."""
    options = _options(arguments)
    name = parse_contender(options.contender)
    if name.program != OURS or name.batch_size is None:
        raise InputError(f"{name.text!r} cannot be traced: give ours with a batch, such as @32")
    if options.result is not None:
        check_result_path(options.result)
    settings = ThroughputSettings(
        model=options.model,
        random_weights=options.random_weights,
        image_size=options.image_size,
        steps=options.steps,
        scheduler=options.scheduler,
        guidance=options.guidance,
        images=options.batches * name.batch_size,
        device="cuda",
    )
    with benchmark_model(settings) as folder:
        job = generation_job(settings, folder)
        generator, specs = OurGenerator(job, name, name.batch_size), job.specs()
        generator.images(specs)
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            generator.images(specs)
            torch.cuda.synchronize()
    gaps = gaps_between(device_intervals(_exported(profiler, options.trace)))
    result = {
        **run_facts(torch.device(job.device)),
        "contender": name.text,
        "image_size": job.image_size,
        "steps": job.steps,
        "guidance": job.guidance,
        "batches": options.batches,
        "microseconds": asdict(gaps),
        "idle_share": gaps.idle / gaps.span,
    }
    if options.result is not None:
        write_result(options.result, result)
    print(json.dumps(result, indent=2))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contender", help="ours, with its batch size")
    parser.add_argument("--model")
    parser.add_argument("--random-weights")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--scheduler")
    parser.add_argument("--guidance", choices=GUIDANCE, default="on")
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--result", type=Path)
    return parser.parse_args(arguments)


def _exported(profiler: profile, path: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = path or Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        trace: dict[str, Any] = json.loads(path.read_text())
        return trace


if __name__ == "__main__":
    main()
