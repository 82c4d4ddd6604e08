"""Inputs to check a graph with, and what PyTorch makes of them in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...engine.graph import GraphSpec, output_shape
from ..graphs.specs import DENOISE, VAE_DECODER
from ..model.schedule import Schedule, Step
from .float32_weights import float32_weights

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
    allowed: float | None = None
    """Relative error that is allowed, where it is not that of the graph's dtype."""


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
    """Inputs of the graph at `sizes`: standard normal; pixels; tokens of the vocabulary."""
    random = torch.Generator().manual_seed(seed)
    inputs = {}
    for wanted in spec.inputs:
        shape = output_shape(wanted, sizes)
        if wanted.dtype == torch.int64:
            inputs[wanted.name] = torch.randint(vocabulary, shape, generator=random)
        elif wanted.dtype == torch.uint8:
            pixels = torch.randint(256, shape, dtype=torch.uint8, generator=random)
            inputs[wanted.name] = pixels
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
