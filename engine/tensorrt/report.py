"""What a plan is made of, as TensorRT told while building it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.foreign import check_fields
from ...base.reading import load_json
from ..graph import DimensionRange

PLAN = "plan"
REPORT = "report.json"

_FORMAT = 1
_REMEDY = "build the plan again"


@dataclass(frozen=True)
class Layer:
    """A layer of the plan: what remains of the graph's nodes once they are fused."""

    name: str
    type: str
    precision: str
    """Of its first output: `fp16`, `int64`."""
    shapes: tuple[tuple[int, ...], ...]
    """Of its outputs; -1 varies."""
    nodes: tuple[str, ...]
    """The graph's nodes that it computes, wholly or in part."""
    operands: tuple[str, ...] = ()
    """Precisions of its first input and its largest constant: what a product multiplies."""


@dataclass(frozen=True)
class AttentionLayer:
    """An attention node of the graph."""

    name: str
    heads: int
    head_size: int
    precision: str
    decomposable: bool
    """Whether TensorRT was allowed to compute it by several kernels."""
    fused: bool | None
    """Whether one kernel computes it; None where the library does not tell."""
    reason: str
    """Why it is not fused."""


@dataclass(frozen=True)
class BuildReport:
    """How a plan was built and what it holds."""

    graph: str
    structure_digest: str
    weights_digest: str
    """Of the weights that the plan was built with."""
    library: str
    target: str
    profile: Mapping[str, DimensionRange]
    refittable: bool
    seconds: float
    """That parsing and building took."""
    plan_bytes: int
    weight_bytes: int | None
    activation_bytes: int | None
    """Working memory of an execution at the largest sizes of the profile."""
    layers: tuple[Layer, ...]
    """Empty where the library does not tell."""
    attention: tuple[AttentionLayer, ...]


def write_report(report: BuildReport, folder: Path) -> None:
    """Write `report` beside its plan."""
    content = {"format": _FORMAT, **asdict(report)}
    (folder / REPORT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_report(folder: Path) -> BuildReport:
    """The report in a plan's folder; `InputError` where it cannot be read."""
    path = folder / REPORT
    where = f"report {str(path)!r} of a TensorRT plan"
    content = load_json(path, "report", _REMEDY)
    found = content.get("format") if isinstance(content, dict) else _FORMAT
    if found != _FORMAT:
        raise InputError(f"{where} is of another version of zeroreal: {_REMEDY}")
    return check_fields(BuildReport, content, where, _REMEDY)
