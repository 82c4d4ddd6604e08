"""Plans of TensorRT: a classifier built for GPUs that need not be here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from ...engine import DimensionRange, inspect_plan
from ...engine.graph import GraphFile, GraphSpec
from ...engine.tensorrt.build import build_plan
from ...engine.tensorrt.report import PLAN
from ..onnx.onnx_export import graph_digests
from .gate import Comparison, agreement


@dataclass(frozen=True)
class PlanFigures:
    """What a plan was built for, and what it holds."""

    precision: str
    target: str
    """The GPU, such as `sm_89`."""
    library: str
    """Module and version; no other runs the plan."""
    profile: Mapping[str, DimensionRange]
    """Sizes of the dimensions that vary."""
    layers: Mapping[str, int]
    """How many compute in each precision."""
    activation_bytes: int | None
    """Working memory at the largest sizes."""
    graph: tuple[Comparison, ...]
    """Of the graph that it was built from, run by ONNX Runtime, with PyTorch."""

    @property
    def graph_agreement(self) -> float:
        """The share of all images that get PyTorch's class from that graph."""
        return agreement(self.graph)

    @property
    def graph_accuracy(self) -> float | None:
        """Of that graph on the real images, where there were any."""
        return next((one.accuracy for one in self.graph if one.accuracy is not None), None)


@dataclass(frozen=True)
class PlanGraph:
    """What plans of one precision are built from."""

    precision: str
    file: GraphFile
    comparisons: tuple[Comparison, ...]
    """Of the graph, run by ONNX Runtime, with PyTorch."""


def graph_file(path: Path, spec: GraphSpec) -> GraphFile:
    """An ONNX file as what plans are built from."""
    digests = graph_digests(path)
    return GraphFile(path, spec, digests.structure, digests.weights)


def write_plan(
    graph: PlanGraph, profile: Mapping[str, DimensionRange], target: str, path: Path
) -> PlanFigures:
    """Build a graph for the GPU `target` and write the plan to `path`.

    Raises `InputError` for what TensorRT cannot build for it.
    """
    precision = graph.precision
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as name:
        folder = Path(name)
        try:
            report = build_plan(graph.file, profile, target, folder)
        except InputError as error:
            remedy = (
                "give --size fixed"
                if "height" in graph.file.spec.dimensions()
                else f"leave {precision} out of --precision, or {target} out of --target"
            )
            raise InputError(
                f"TensorRT cannot take the classifier in {precision} for {target} ({error}): "
                f"{remedy}"
            ) from error
        inspection = inspect_plan(folder)
        shutil.move(folder / PLAN, path)
    return PlanFigures(
        precision,
        target,
        report.library,
        report.profile,
        inspection.precisions,
        report.activation_bytes,
        graph.comparisons,
    )
