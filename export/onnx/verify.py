"""Checking an exported graph: ONNX Runtime's results against PyTorch's in float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...base.errors import InputError
from ...engine.graph import GraphFile, GraphSpec
from ...engine.onnxruntime.engine import OnnxRuntimeEngine
from .cases import Case
from .rounding import write_with_rounding

TOLERANCES = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 2e-2}
"""Largest difference of any element, relative to the largest element of the reference."""


@dataclass(frozen=True)
class OutputError:
    """How far an output is from the reference, in one case."""

    case: str
    output: str
    relative: float
    """Largest difference over the reference's largest element; infinite for NaN and Inf."""
    allowed: float


class InexactGraphError(Exception):
    """A graph whose results are not those of PyTorch."""

    def __init__(self, graph: str, worst: OutputError) -> None:
        found = (
            f"differs from PyTorch by {worst.relative:.2g}"
            if worst.relative < float("inf")
            else "has NaN or infinite values"
        )
        super().__init__(
            f"output {worst.output!r} of {graph} {found} ({worst.case}; at most "
            f"{worst.allowed:g} of the largest value is allowed)"
        )
        self.worst = worst


def graph_errors(graph: GraphFile, cases: Sequence[Case], dtype: torch.dtype) -> list[OutputError]:
    """Run the graph, whose weights have the `dtype`, in ONNX Runtime on the CPU and compare.

    The CPU provider has no kernels for bfloat16 and few for float16: graphs in half precision
    compute in float32 and round after every node, as a GPU does. (Left to itself it would do that
    for float16 only, with a second, float32 copy of the weights.)
    """
    _check_types(graph)
    with _runnable(graph.path, graph.spec) as path:
        engine = OnnxRuntimeEngine(replace(graph, path=path), torch.device("cpu"), lean=True)
        return [
            OutputError(
                case.description,
                name,
                relative_error(result, case.expected[name]),
                _allowed(case, dtype),
            )
            for case in cases
            for name, result in engine(case.inputs).items()
        ]


def _check_types(graph: GraphFile) -> None:
    """Complain of an operator whose inputs are not of its types: no runtime would load it."""
    import onnx

    model = onnx.load(graph.path, load_external_data=False)
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{graph.spec.name} is not valid as ONNX ({reason}): export in another precision"
        ) from None


@contextmanager
def _runnable(path: Path, spec: GraphSpec) -> Iterator[Path]:
    dtypes = {tensor.dtype for tensor in (*spec.inputs, *spec.outputs)}
    if not dtypes & {torch.bfloat16, torch.float16}:
        yield path
        return
    rounding = path.with_name(f"{path.stem}-rounding.onnx")  # beside the weights that it shares
    write_with_rounding(path, rounding)
    try:
        yield rounding
    finally:
        rounding.unlink()


def relative_error(result: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest expected value; infinite if the result has NaN or Inf."""
    if not result.isfinite().all():
        return float("inf")
    largest = expected.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return float((result.float() - expected).abs().max() / largest)


def _allowed(case: Case, dtype: torch.dtype) -> float:
    if case.allowed is not None:
        return case.allowed
    # Guidance multiplies the rounding errors of the difference that it scales up, and those of
    # bfloat16 with its 8 bits are most of the tolerance without it.
    return TOLERANCES[dtype] * (case.guidance if dtype == torch.bfloat16 else 1.0)


def check(graph: GraphFile, errors: Sequence[OutputError]) -> None:
    """Raise `InexactGraphError` if an error is more than what is allowed."""
    worst = max(errors, key=lambda error: error.relative / error.allowed)
    if not worst.relative <= worst.allowed:
        raise InexactGraphError(graph.spec.name, worst)
