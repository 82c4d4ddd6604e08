"""Which layers of a UNet are computed in 8-bit floats: as many as its prediction allows.

Measured along the model's own trajectories: each layer is narrowed alone; then the worst are left
wide until the others together put the prediction off by no more than is allowed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .steps import DenoiseStep
from .trajectories import StepInputs

ALLOWED = 0.02
"""Largest error of the UNet's prediction, the norm of the difference over the norm.

As much as graphs in half precision may be off; see `TOLERANCES` in `export/onnx/verify.py`.
"""
_PROBES = 4  # steps that errors are measured on


@dataclass(frozen=True)
class Seen:
    """What a layer was given along the trajectories."""

    largest: float
    """The largest magnitude."""
    dimensions: int
    """Of the tensors."""


@dataclass(frozen=True)
class Float8Choice:
    """Errors are those of the prediction; see `ALLOWED`."""

    alone: Mapping[str, float]
    """With each layer alone in 8 bits, the worst first; infinity where it is not finite."""
    narrow: Collection[str]
    """The layers to be in 8 bits; none where even the last of them is off by too much."""
    error: float
    """With those."""
    error_of_all: float
    """With all layers that could be."""


def seen_inputs(
    module: nn.Module, step: DenoiseStep, inputs: Iterable[StepInputs]
) -> dict[str, Seen]:
    """What the linear layers and convolutions of `module`, a part of `step`, are given.

    By their names in `module`; those that are not used are left out.
    """
    largest: dict[str, Tensor] = {}
    dimensions: dict[str, int] = {}

    def note(name: str, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        magnitude, dimensions[name] = given[0].abs().amax(), given[0].ndim
        largest[name] = torch.maximum(largest[name], magnitude) if name in largest else magnitude

    handles = [
        layer.register_forward_pre_hook(partial(note, name))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    try:
        for one in inputs:
            step(**one)
    finally:
        for handle in handles:
            handle.remove()
    return {name: Seen(float(most), dimensions[name]) for name, most in largest.items()}


def choose_layers(
    step: DenoiseStep,
    inputs: Sequence[StepInputs],
    names: Iterable[str],
    narrowing: Callable[[Iterable[str]], AbstractContextManager[None]],
    allowed: float = ALLOWED,
) -> Float8Choice:
    """Choose among the layers called `names`.

    `step` computes with those in 8 bits that were given to `narrowing` while that is entered.
    """
    probes = spread(inputs, _PROBES)
    expected = _predictions(step, probes)

    def error(some: Iterable[str]) -> float:
        with narrowing(some):
            return _relative(_predictions(step, probes), expected)

    alone = {name: error([name]) for name in names}
    order = sorted(alone, key=alone.__getitem__, reverse=True)
    count = bisect_left(range(len(order)), True, key=lambda n: error(order[n:]) <= allowed)
    return Float8Choice(
        {name: alone[name] for name in order}, order[count:], error(order[count:]), error(order)
    )


def spread(steps: Sequence[StepInputs], count: int) -> list[StepInputs]:
    """At most `count` of `steps`, from the first to the last."""
    count = min(count, len(steps))
    return [steps[round(place * (len(steps) - 1) / max(1, count - 1))] for place in range(count)]


def _predictions(step: DenoiseStep, inputs: Iterable[StepInputs]) -> Tensor:
    """What the UNet itself gives, before guidance, as one float32 vector."""
    kept: list[Tensor] = []
    handle = step.unet.register_forward_hook(lambda _, __, given: kept.append(given[0].flatten()))
    try:
        for one in inputs:
            step(**one)
    finally:
        handle.remove()
    return torch.cat(kept).float()


def _relative(result: Tensor, expected: Tensor) -> float:
    error = float((result - expected).norm() / expected.norm())
    return error if math.isfinite(error) else math.inf
