"""Cases for a graph with layers in 8 bits: recorded steps, as it was calibrated for these."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...engine.graph import GraphSpec
from ..graphs.steps import DenoiseStep
from ..graphs.trajectories import StepInputs
from .cases import Case
from .float32_weights import float32_weights


def fp8_cases(
    step: DenoiseStep, spec: GraphSpec, steps: Sequence[StepInputs], allowed: float
) -> list[Case]:
    """The first image of each of `steps`, and what float32 makes of it.

    `allowed` is what the UNet's output may be off. Guidance multiplies the difference of two such
    outputs, so that errors grow by it and by up to two. (PyTorch with the same 8 bits is no nearer:
    what float16 rounds between layers sends values to the next one of the few 8-bit numbers.)
    """
    names = [output.name for output in spec.outputs]
    cases = []
    for recorded in steps:
        inputs = _one_image(recorded, spec)
        guidance = float(inputs["guidance"].max()) if "unconditional" in inputs else 1.0
        exact = {k: v.float() if v.is_floating_point() else v for k, v in inputs.items()}
        with torch.inference_mode(), float32_weights(step):
            expected = dict(zip(names, step(**exact), strict=True))
        description = f"a step at timestep {float(inputs['timestep']):g}, guidance {guidance:g}"
        cases.append(Case(description, inputs, expected, guidance, 2 * allowed * guidance))
    return cases


def _one_image(recorded: StepInputs, spec: GraphSpec) -> dict[str, Tensor]:
    """The first image of a step, with its rows: attention over more would take gigabytes."""
    rows = [0]
    if "unconditional" in recorded:
        rows = sorted({0, int(recorded["unconditional"][0])})
    given = {}
    for wanted in spec.inputs:
        tensor = recorded[wanted.name].cpu().to(wanted.dtype)
        if wanted.name == "rows":
            tensor = torch.zeros(len(rows), dtype=torch.int64)
        elif wanted.name == "unconditional":
            tensor = torch.tensor([len(rows) - 1])
        elif wanted.shape[0] == "rows":
            tensor = tensor[rows]
        elif wanted.shape[0] == "batch":
            tensor = tensor[:1]
        given[wanted.name] = tensor
    return given
