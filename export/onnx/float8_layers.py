"""Which layers of a UNet are in 8 bits: as many as its output allows, by what each is off.

Measured along the model's own trajectories, in float32 but for the operands of those layers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ..graphs.float8_linear import HEADROOM
from ..graphs.steps import DenoiseStep
from ..graphs.trajectories import StepInputs
from .float8 import Scales, in_fp8, scale_for
from .float32_weights import float32_weights

ALLOWED = 0.02
"""Largest error of the UNet's output, the norm of the difference over the norm.

As much as half-precision graphs may be off; see `verify.TOLERANCES`.
"""
_LISTED = 5
_PROBES = 4  # steps that errors are measured on
_CHANNELS = 16  # bytes that a kernel loads at once: TensorRT's 8-bit kernels take multiples


@dataclass(frozen=True)
class Fp8Layer:
    """A layer that could be in 8 bits."""

    name: str
    """Of the module."""
    narrow: bool
    """Whether it is in 8 bits."""
    error: float
    """Of the UNet's output with this layer alone in 8 bits, relative to the output's norm."""
    activation_scale: float
    weight_scale: float

    @property
    def scales(self) -> Scales:
        """Of its operands."""
        return Scales(self.activation_scale, self.weight_scale)


@dataclass(frozen=True)
class Fp8Layers:
    """The layers in 8 bits, those left wide, and what was measured; errors as in `Fp8Layer`."""

    layers: tuple[Fp8Layer, ...]
    """Those that could be in 8 bits, the largest error first."""
    unsuited: Mapping[str, str]
    """Why other layers could not be, by their names."""
    error: float
    """With all in 8 bits that are."""
    error_of_all: float
    """With all that could be."""
    allowed: float

    def scales(self) -> dict[str, Scales]:
        """Those of the layers in 8 bits, by their names."""
        return {layer.name: layer.scales for layer in self.layers if layer.narrow}

    def summary(self) -> str:
        """In one line, for people."""
        wide = [layer for layer in self.layers if not layer.narrow]
        left = ", ".join(f"{layer.name} ({layer.error:.1%})" for layer in wide[:_LISTED]) or "none"
        if len(wide) > _LISTED:
            left += f" and {len(wide) - _LISTED} more"
        narrow, could = len(self.layers) - len(wide), len(self.layers)
        return (
            f"{narrow} of {could + len(self.unsuited)} layers in 8 bits, {len(self.unsuited)} not "
            f"suited; the UNet's output is off by {self.error:.1%} of its norm, by "
            f"{self.error_of_all:.1%} with all {could} that are suited, {self.allowed:.1%} are "
            f"allowed; left wide by what each alone is off: {left}"
        )


@torch.inference_mode()
def choose_fp8_layers(
    step: DenoiseStep, steps: Sequence[StepInputs], allowed: float = ALLOWED
) -> Fp8Layers:
    """The layers of `step`, whose UNet computes in float32 whatever its weights are stored in.

    Activations get the range that they have on `steps`. Each layer is narrowed alone on a few of
    them; then the worst are left wide until the others together are off by `allowed` at most.

    Raises `InputError` where no layer can be narrowed.
    """
    with float32_weights(step):
        unsuited, scales = _ranges(step, steps)
        probes = spread(steps, _PROBES)
        expected = _outputs(step, probes)

        def error(names: Iterable[str]) -> float:
            with in_fp8(step, {name: scales[name] for name in names}):
                return _relative(_outputs(step, probes), expected)

        alone = {name: error([name]) for name in scales}
        order = sorted(scales, key=alone.__getitem__, reverse=True)
        count = bisect_left(range(len(order)), True, key=lambda n: error(order[n:]) <= allowed)
        if count == len(order):
            raise InputError(
                f"no layer of the UNet can be in 8 bits ({len(unsuited)} are not suited, "
                f"{len(order)} put its output off by more than {allowed:.1%}): export it in "
                "another precision"
            )
        layers = tuple(
            Fp8Layer(name, place >= count, alone[name], *_pair(scales[name]))
            for place, name in enumerate(order)
        )
        return Fp8Layers(layers, unsuited, error(order[count:]), error(order), allowed)


def spread(steps: Sequence[StepInputs], count: int) -> list[StepInputs]:
    """At most `count` of `steps`, from the first to the last."""
    count = min(count, len(steps))
    return [steps[round(place * (len(steps) - 1) / max(1, count - 1))] for place in range(count)]


def _ranges(
    step: DenoiseStep, steps: Sequence[StepInputs]
) -> tuple[dict[str, str], dict[str, Scales]]:
    """Layers that are not suited, and the scales of the others by what they are given."""
    found = {n: m for n, m in step.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    largest: dict[str, float] = {}
    dimensions: dict[str, int] = {}

    def see(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            largest[name] = max(largest.get(name, 0.0), float(given[0].abs().max()))
            dimensions[name] = given[0].dim()

        return hook

    handles = [layer.register_forward_pre_hook(see(name)) for name, layer in found.items()]
    try:
        for inputs in steps:
            step(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    unsuited = {n: why for n, m in found.items() if (why := _why_not(m, dimensions.get(n, 0)))}
    scales = {
        name: Scales(
            scale_for(HEADROOM * largest[name]), scale_for(float(layer.weight.abs().max()))
        )
        for name, layer in found.items()
        if name not in unsuited
    }
    return unsuited, scales


def _why_not(layer: nn.Linear | nn.Conv2d, dimensions: int) -> str:
    """Why the layer, given tensors of so many dimensions, is not suited to 8 bits, if it isn't."""
    out, into = layer.weight.shape[:2]
    if out % _CHANNELS or into % _CHANNELS:
        return f"{into} channels to {out}, not multiples of {_CHANNELS}"
    if isinstance(layer, nn.Conv2d) and layer.groups > 1:
        return "channels in groups"
    if dimensions == 2:
        return "one vector for each image: there is next to nothing to win"
    return "" if dimensions else "not used"


def _outputs(step: DenoiseStep, steps: Sequence[StepInputs]) -> list[Tensor]:
    """What the UNet itself gives, before guidance."""
    outputs: list[Tensor] = []
    handle = step.unet.register_forward_hook(lambda _, __, given: outputs.append(given[0]))
    try:
        for inputs in steps:
            step(**inputs)
    finally:
        handle.remove()
    return outputs


def _relative(results: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The norm of all differences over that of all that is expected."""
    pairs = list(zip(results, expected, strict=True))
    squares = sum(float((result - exact).square().sum()) for result, exact in pairs)
    return float((squares / sum(float(exact.square().sum()) for _, exact in pairs)) ** 0.5)


def _pair(scales: Scales) -> tuple[float, float]:
    return scales.activations, scales.weights
