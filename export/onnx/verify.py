"""Checking an exported graph: ONNX Runtime's results against PyTorch's in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ...base.errors import InputError
from ...engine.graph import GraphFile, GraphSpec, output_shape
from ...engine.onnxruntime.engine import OnnxRuntimeEngine
from ..graphs.steps import DENOISE, VAE_DECODER
from ..model.schedule import Schedule, Step
from .rounding import write_with_rounding

TOLERANCES = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 2e-2}
"""Largest difference of any element, relative to the largest element of the reference."""

# First and last step have no use for history and noise; the check has.
_HISTORY, _NOISE = 0.05, 0.1


@dataclass(frozen=True)
class Case:
    """Inputs to check a graph with, and what float32 PyTorch makes of them."""

    description: str
    inputs: dict[str, Tensor]
    expected: dict[str, Tensor]
    guidance: float
    """The largest of its images; 1 for graphs without guidance."""


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


def reference_cases(
    module: nn.Module,
    spec: GraphSpec,
    sizes: dict[str, int],
    schedule: Schedule,
    vocabulary: int,
) -> list[Case]:
    """Random inputs at two batch sizes, at the ends of schedule and guidance, with references.

    `module` computes in float32, whatever its weights are stored in. `sizes` are those of `height`
    and `width` where they vary; the second case is twice as wide.
    """
    ends = ((schedule.steps[0], (30.0,)), (schedule.steps[-1], (1.0, 1.5)))
    names = [output.name for output in spec.outputs]
    cases = []
    for number, (step, guidance) in enumerate(ends):
        description = f"batch {len(guidance)}"
        # Two rows: attention over more would take gigabytes at 512 pixels.
        sizes = {**sizes, "batch": len(guidance), "rows": 2}
        if number and "width" in sizes:
            sizes["width"] *= 2
        inputs = random_inputs(spec, sizes, number, vocabulary)
        if spec.name == DENOISE:
            scales = ", ".join(f"{scale:g}" for scale in guidance)
            description += f", timestep {step.timestep:g}, guidance {scales}"
            inputs.update(_step_inputs(step, guidance))
        with torch.inference_mode(), float32_weights(module):
            results = module(**{name: _exact(tensor) for name, tensor in inputs.items()})
        results = (results,) if isinstance(results, Tensor) else results
        strongest = max(guidance) if "unconditional" in inputs else 1.0
        expected = dict(zip(names, results, strict=True))
        cases.append(Case(description, inputs, expected, strongest))
    return cases


def _step_inputs(step: Step, guidance: Sequence[float]) -> dict[str, Tensor]:
    chosen = replace(step, history=_HISTORY, noise=_NOISE)
    return {
        "timestep": torch.tensor([step.timestep]),
        "coefficients": Schedule("", 1.0, (chosen,)).coefficients()[0],
        "guidance": torch.tensor(guidance),
    }


def _exact(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def random_inputs(
    spec: GraphSpec, sizes: Mapping[str, int], seed: int, vocabulary: int
) -> dict[str, Tensor]:
    """Inputs of the graph at the given `sizes`: standard normal, tokens from the vocabulary."""
    random = torch.Generator().manual_seed(seed)
    inputs = {}
    for wanted in spec.inputs:
        shape = output_shape(wanted, sizes)
        if wanted.dtype == torch.int64:
            inputs[wanted.name] = torch.randint(vocabulary, shape, generator=random)
        else:
            inputs[wanted.name] = torch.randn(shape, generator=random).to(wanted.dtype)
    if spec.name == VAE_DECODER and sizes["batch"] > 1:
        inputs["latents"] *= 2  # farther out than latents of images are
    if "rows" in inputs:
        batch, rows = sizes["batch"], sizes["rows"]
        # No order that a graph could get right by ignoring them.
        inputs["rows"] = torch.arange(rows).flip(0) % batch
        inputs["unconditional"] = (torch.arange(batch) + 1) % rows
    if "time_ids" in inputs:
        inputs["time_ids"] = torch.tensor([[512.0, 512.0, 0.0, 0.0, 512.0, 512.0]]).repeat(
            len(inputs["time_ids"]), 1
        )
    return inputs


@contextmanager
def float32_weights(module: nn.Module) -> Iterator[None]:
    """Each layer's weights become float32 for the time that it computes.

    So a model runs in float32 with no second copy of all its weights.
    """
    handles: list[RemovableHandle] = []
    for layer in module.modules():
        narrow = [p for p in layer.parameters(recurse=False) if p.dtype != torch.float32]
        if narrow:
            handles += _widen_while_computing(layer, narrow)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _widen_while_computing(
    layer: nn.Module, parameters: Sequence[nn.Parameter]
) -> tuple[RemovableHandle, RemovableHandle]:
    stored: list[Tensor] = []

    def widen(*_: object) -> None:
        stored[:] = [parameter.data for parameter in parameters]
        for parameter in parameters:
            parameter.data = parameter.data.float()

    def restore(*_: object) -> None:
        for parameter, data in zip(parameters, stored, strict=True):
            parameter.data = data
        stored.clear()

    return (
        layer.register_forward_pre_hook(widen),
        layer.register_forward_hook(restore, always_call=True),  # after an error, too
    )


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
    # Guidance multiplies the rounding errors of the difference that it scales up, and those of
    # bfloat16 with its 8 bits are most of the tolerance without it.
    return TOLERANCES[dtype] * (case.guidance if dtype == torch.bfloat16 else 1.0)


def check(graph: GraphFile, errors: Sequence[OutputError]) -> None:
    """Raise `InexactGraphError` if an error is more than what is allowed."""
    worst = max(errors, key=lambda error: error.relative / error.allowed)
    if not worst.relative <= worst.allowed:
        raise InexactGraphError(graph.spec.name, worst)
