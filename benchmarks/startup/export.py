"""What exporting a full-size model and building it costs in time and memory.

    zeroreal bench export --target sm_89 --result FILE

The weights are random, made by another process. Memory is resident memory, which counts the pages
of memory-mapped weight files; that of a process without a model is given beside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...base import InputError
from ...engine import Cache
from ...export import (
    ExportProgress,
    ExportSettings,
    build_plans,
    export_model,
    parse_range,
)
from ...export.model.random_weights import architecture
from ..harness import Tell, check_result_path, run_facts, silent, write_result
from .stages import Stages, resident_bytes

_MAKE = """
import sys
from pathlib import Path
from zeroreal.export.model.random_weights import architecture, write_random_model
write_random_model(architecture(sys.argv[1]), Path(sys.argv[2]))
"""


@dataclass(frozen=True)
class ExportBenchSettings:
    """What is exported, and what it is built for."""

    architecture: str = "sd15"
    """The architecture's name."""
    precision: str = "fp16"
    """Of the graphs: `fp32`, `fp16` or `bf16`."""
    target: str | None = None
    """A GPU such as `sm_89`, to build TensorRT plans for as well; none are built by default."""
    batch: str = "1:8:16"
    """Smallest, best and largest batch of the plans."""
    work: Path | None = None
    """Where some gigabytes have room for a while; the system's temporary folder by default."""
    result: Path | None = None
    """The file to write."""


def bench_export(settings: ExportBenchSettings, tell: Tell = silent) -> dict[str, Any]:
    """Export, build, and give what it took, which is written as well.

    Raises `InputError` for settings that cannot be used; why plans cannot be built is in the
    result.
    """
    architecture(settings.architecture)  # complains of an unknown name
    parse_range(settings.batch)
    if settings.result is not None:
        check_result_path(settings.result)
    with tempfile.TemporaryDirectory(dir=settings.work) as work:
        model, out = Path(work, "model"), Path(work, "exported")
        tell("making a model of random weights")
        _make_model(settings.architecture, model)
        result = _export(model, out, settings, tell)
        shutil.rmtree(model)
        if settings.target is not None:
            cache = Cache(Path(work, "cache"))
            result["tensorrt"] = _build(out, cache, settings.target, settings.batch, tell)
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _make_model(name: str, folder: Path) -> None:
    """Write a model of random weights, in a process whose memory is not ours."""
    subprocess.run([sys.executable, "-c", _MAKE, name, str(folder)], check=True)


def _export(model: Path, out: Path, settings: ExportBenchSettings, tell: Tell) -> dict[str, Any]:
    stages = Stages()

    def progress(state: ExportProgress) -> None:
        stages.enter(f"{state.graph}: {state.stage}")
        tell(stages.current)

    idle = resident_bytes()
    began = time.perf_counter()
    with stages.watched():
        exported = export_model(model, out, ExportSettings(precision=settings.precision), progress)
    seconds = time.perf_counter() - began
    weights = sum(graph.weight_bytes for graph in exported.graphs.values())
    peak = max(stages.peak_bytes.values())
    return {
        **run_facts(torch.device("cpu")),
        "architecture": settings.architecture,
        "image_size": exported.generate_size and list(exported.generate_size),
        "seconds": seconds,
        "weight_bytes": weights,
        "peak_bytes": peak,
        "peak_over_weights": peak / weights,
        "bytes_before": idle,
        "stages": {
            name: {"seconds": stages.seconds.get(name), "peak_bytes": stages.peak_bytes.get(name)}
            for name in stages.peak_bytes
        },
        "graphs": {
            name: {
                "precision": str(graph.precision).removeprefix("torch."),
                "weight_bytes": graph.weight_bytes,
                "errors": [asdict(error) for error in graph.errors],
                "notes": list(graph.notes),
            }
            for name, graph in exported.graphs.items()
        },
    }


def _build(out: Path, cache: Cache, target: str, batch: str, tell: Tell) -> dict[str, Any]:
    stages = Stages()

    def progress(graph: str, done: int, total: int) -> None:
        stages.enter(graph)
        tell(f"build {graph}")

    try:
        with stages.watched():
            plans = build_plans(
                out,
                target,
                parse_range(batch),
                cache=cache,
                on_progress=progress,
            )
    except InputError as error:
        return {"reason": str(error)}
    return {
        name: {
            "target": plan.report.target,
            "library": plan.report.library,
            "batch": batch,
            "seconds": plan.report.seconds,
            "peak_bytes": stages.peak_bytes.get(name),
            "plan_bytes": plan.report.plan_bytes,
            "activation_bytes": plan.report.activation_bytes,
            "layers": len(plan.report.layers),
            "layer_precisions": dict(plan.precisions),
            "attention": len(plan.report.attention),
            "attention_fused": sum(bool(layer.fused) for layer in plan.report.attention),
            "not_fused": [
                {"name": layer.name, "reason": layer.reason}
                for layer in plan.report.attention
                if not layer.fused
            ],
        }
        for name, plan in plans.items()
    }
