"""What exporting a full-size model and building it costs in time and memory.

The weights are random, made by another process. Memory is resident memory, which counts the pages
of memory-mapped weight files; that of a process without a model is given beside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...base import InputError
from ...engine import Cache, Inspection
from ...export import (
    ExportProgress,
    ExportSettings,
    build_plans,
    export_model,
    parse_range,
)
from ...export.model.random_weights import architecture
from ...export.onnx.manifest import ExportedGraph
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..harness import SILENT, Progress
from .settings import ExportBenchSettings
from .stages import Stages, resident_bytes

_MAKE = """
import sys
from pathlib import Path
from zeroreal.export.model.random_weights import architecture, write_random_model
write_random_model(architecture(sys.argv[1]), Path(sys.argv[2]))
"""


def measure_export(settings: ExportBenchSettings, progress: Progress = SILENT) -> Figures:
    """Export, build, and give what it took: a row for all, for each stage and for each plan.

    Raises `InputError` for settings that cannot be used; why plans cannot be built is in a row.
    """
    architecture(settings.architecture)  # complains of an unknown name
    parse_range(settings.batch)
    with tempfile.TemporaryDirectory(dir=settings.work) as work:
        model, out = Path(work, "model"), Path(work, "exported")
        progress.tell("making a model of random weights")
        _make_model(settings.architecture, model)
        exported = _export(model, out, settings.precision, progress.tell)
        shutil.rmtree(model)
        if settings.target is None:
            return exported
        progress.keep(replace(exported, finished=False))
        cache = Cache(Path(work, "cache"))
        plans = _build(out, cache, settings.target, settings.batch, progress.tell)
    return replace(exported, rows=(*exported.rows, *plans))


def _make_model(name: str, folder: Path) -> None:
    """Write a model of random weights, in a process whose memory is not ours."""
    subprocess.run([sys.executable, "-c", _MAKE, name, str(folder)], check=True)


def _export(model: Path, out: Path, precision: str, tell: Callable[[str], None]) -> Figures:
    stages = Stages()

    def progress(state: ExportProgress) -> None:
        stages.enter(f"{state.graph}: {state.stage}")
        tell(stages.current)

    idle = resident_bytes()
    began = time.perf_counter()
    with stages.watched():
        exported = export_model(model, out, ExportSettings(precision=precision), progress)
    seconds = time.perf_counter() - began
    weights = sum(graph.weight_bytes for graph in exported.graphs.values())
    peak = max(stages.peak_bytes.values())
    whole = {
        **_seconds_and_peak(seconds, peak),
        "peak_over_weights": Metric((peak / weights,), "x", "lower"),
    }
    rows = [Row("all", case="export", metrics=whole)]
    rows += [
        Row(name, case="export", metrics=_seconds_and_peak(stages.seconds.get(name, 0.0), peak))
        for name, peak in stages.peak_bytes.items()
    ]
    facts = {
        "image_size": exported.generate_size and list(exported.generate_size),
        "weight_bytes": weights,
        "bytes_before": idle,
        "graphs": {name: _graph_facts(graph) for name, graph in exported.graphs.items()},
    }
    return Figures(tuple(rows), facts)


def _graph_facts(graph: ExportedGraph) -> dict[str, Any]:
    return {
        "precision": str(graph.precision).removeprefix("torch."),
        "weight_bytes": graph.weight_bytes,
        "errors": [asdict(error) for error in graph.errors],
        "notes": list(graph.notes),
    }


def _build(
    out: Path, cache: Cache, target: str, batch: str, tell: Callable[[str], None]
) -> list[Row]:
    stages, case = Stages(), f"plans for {target}, batch {batch}"

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
        return [Row("tensorrt", case=case, reason=str(error))]
    return [
        _plan_row(name, case, plan, stages.peak_bytes.get(name)) for name, plan in plans.items()
    ]


def _plan_row(name: str, case: str, plan: Inspection, peak: int | None) -> Row:
    report = plan.report
    metrics = _seconds_and_peak(report.seconds, peak)
    metrics["plan_bytes"] = Metric((float(report.plan_bytes),), "B", "lower")
    facts = {
        "target": report.target,
        "library": report.library,
        "activation_bytes": report.activation_bytes,
        "layers": len(report.layers),
        "layer_precisions": dict(plan.precisions),
        "attention": len(report.attention),
        "attention_fused": sum(bool(layer.fused) for layer in report.attention),
        "not_fused": [
            {"name": layer.name, "reason": layer.reason}
            for layer in report.attention
            if not layer.fused
        ],
    }
    return Row(name, case=case, metrics=metrics, facts=facts)


def _seconds_and_peak(seconds: float, peak: int | None) -> dict[str, Metric]:
    """Metrics; a stage may be too short for a look at the memory."""
    metrics = {"seconds": Metric((seconds,), "s", "lower")}
    if peak is not None:
        metrics["peak_bytes"] = Metric((float(peak),), "B", "lower")
    return metrics
