"""What a plan holds: layers and their precision, attention, memory."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .library import tensorrt_library
from .plan import deserialize
from .report import BuildReport, read_report

__all__ = ["Inspection", "Loaded", "inspect_plan"]

_OPERATOR = re.compile(r"(^|/)(Conv|MatMul|Gemm)_\d+$")  # as the exporter names nodes


@dataclass(frozen=True)
class Loaded:
    """What TensorRT says of a plan once it is on the GPU."""

    device_memory_bytes: int
    """Working memory of an execution, without the weights."""
    layers: tuple[Any, ...]
    """As `EngineInspector` gives them in JSON: a mapping each, or names alone."""


@dataclass(frozen=True)
class Inspection:
    """What a plan holds."""

    report: BuildReport
    precisions: Mapping[str, int]
    """How many layers compute in each precision, most first."""
    fp8_nodes: tuple[str, ...]
    """The graph's convolutions and matrix products whose operands are both in 8-bit floats."""
    loaded: Loaded | None
    """None where it was not brought onto a GPU."""


def inspect_plan(folder: Path, device: torch.device | None = None) -> Inspection:
    """What the plan in `folder` holds; with a CUDA `device`, also as loaded there.

    Raises `InputError` for a folder without a plan and, with a device, as loading does.
    """
    report = read_report(folder)
    precisions = dict(Counter(layer.precision for layer in report.layers).most_common())
    loaded = None if device is None else _loaded(folder, report, device)
    return Inspection(report, precisions, _fp8_nodes(report), loaded)


def _fp8_nodes(report: BuildReport) -> tuple[str, ...]:
    narrow = (layer for layer in report.layers if layer.operands == ("fp8", "fp8"))
    nodes = {node for layer in narrow for node in layer.nodes}
    return tuple(sorted(node for node in nodes if _OPERATOR.search(node)))


def _loaded(folder: Path, report: BuildReport, device: torch.device) -> Loaded:
    engine = deserialize(folder, report, device)
    json_format = tensorrt_library().LayerInformationFormat.JSON
    told = json.loads(engine.create_engine_inspector().get_engine_information(json_format))
    return Loaded(engine.device_memory_size_v2, tuple(told["Layers"]))
