"""TensorRT's plans of a run: a graph for each precision, checked, and a plan of it for each GPU."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from ...base import InputError
from ...base.limits import MODEL_BYTES
from ...base.reading import read_bytes
from ...engine import DimensionRange
from ...engine.tensorrt.library import target_not_supported_reasons
from ...export.classifier.files import write_onnx
from ...export.classifier.gate import check, compare
from ...export.classifier.int8 import Calibration, quantised_share, write_int8
from ...export.classifier.losses import lossy_layers
from ...export.classifier.plans import PlanGraph, graph_file, write_plan
from ...export.classifier.runners import onnx_runner, onnx_session
from ...export.classifier.schemes import PLANS
from ...export.engines.build import parse_range, target_here
from ..finished import FinishedRun
from .cases import Material
from .figures import FileFigures
from .settings import DeploySettings


def plan_targets(settings: DeploySettings) -> tuple[str, ...]:
    """The GPUs to build for; `InputError` where TensorRT is not here, or cannot build for one."""
    _profile(settings)
    targets = settings.target or (target_here(),)
    for target in targets:
        if reasons := target_not_supported_reasons(target):
            raise InputError(
                f"no plan can be built for {target!r}: {'; '.join(reasons)}: give another --target"
            )
    return targets


def write_plans(
    run: FinishedRun,
    found: Material,
    settings: DeploySettings,
    folder: Path,
    on_plan: Callable[[str], None],
) -> list[FileFigures]:
    """Write a plan for each precision and GPU; none is run, but the graphs of all are."""
    files = []
    for precision in settings.precision:
        with tempfile.TemporaryDirectory(prefix="zeroreal-") as name:
            on_plan(precision)
            graph, share, calibrations = _graph(precision, run, found, settings, Path(name))
            for target in plan_targets(settings):
                on_plan(f"{precision} for {target}")
                path = folder / f"model-{precision}-{target}.plan"
                plan = write_plan(graph, _profile(settings), target, path)
                size = path.stat().st_size
                files.append(
                    FileFigures(
                        "tensorrt",
                        path.name,
                        size,
                        comparisons=(),
                        quantised_share=share,
                        calibrations=calibrations,
                        plan=plan,
                    )
                )
    return files


def _profile(settings: DeploySettings) -> dict[str, DimensionRange]:
    sides = parse_range(settings.sides)
    return {"batch": parse_range(settings.batch), "height": sides, "width": sides}


def _graph(
    precision: str, run: FinishedRun, found: Material, settings: DeploySettings, folder: Path
) -> tuple[PlanGraph, float | None, tuple[Calibration, ...]]:
    """The checked graph of a precision, and how much of it is in 8 bits by which ranges."""
    any_size, path = settings.size == "any", folder / f"{precision}.onnx"
    share: float | None = None
    calibrations: tuple[Calibration, ...] = ()
    if precision == "fp16":
        source, graph = path, run.graph(any_size, torch.float16)
        write_onnx(graph, run.description, path)
    else:
        source, graph = folder / "float.onnx", run.graph(any_size)
        write_onnx(graph, run.description, source)
        calibrations = write_int8(source, found.calibrating, found.choosing, path, PLANS)
        share = quantised_share(path)
    content = read_bytes(path, "model", MODEL_BYTES)
    runner = onnx_runner(onnx_session(content, f"the graph in {precision}"))
    comparisons = tuple(compare(runner, case) for case in found.cases)
    check(
        precision,
        comparisons,
        share,
        lambda: () if share is None else lossy_layers(source, path, found.calibrating),
        flag="--precision",
    )
    file = graph_file(path, graph.spec(len(run.classes)))
    return PlanGraph(precision, file, comparisons), share, calibrations
