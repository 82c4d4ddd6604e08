"""Which layers of a UNet are in 8 bits: as many as its output allows, by what each is off.

Measured along the model's own trajectories, in float32 but for the operands of those layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn

from ...base.errors import InputError
from ..graphs.float8_choice import ALLOWED, Seen, choose_layers, seen_inputs
from ..graphs.float8_linear import HEADROOM
from ..graphs.steps import DenoiseStep
from ..graphs.trajectories import StepInputs
from .float8 import Scales, in_fp8, scale_for
from .float32_weights import float32_weights

_LISTED = 5
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

        def narrowing(names: Iterable[str]) -> AbstractContextManager[None]:
            return in_fp8(step, {name: scales[name] for name in names})

        choice = choose_layers(step, steps, scales, narrowing, allowed)
    if not choice.narrow:
        raise InputError(
            f"no layer of the UNet can be in 8 bits ({len(unsuited)} are not suited, {len(scales)} "
            f"put its output off by more than {allowed:.1%}): export it in another precision"
        )
    layers = tuple(
        Fp8Layer(name, name in choice.narrow, error, *_pair(scales[name]))
        for name, error in choice.alone.items()
    )
    return Fp8Layers(layers, unsuited, choice.error, choice.error_of_all, allowed)


def _ranges(
    step: DenoiseStep, steps: Sequence[StepInputs]
) -> tuple[dict[str, str], dict[str, Scales]]:
    """Layers that are not suited, and the scales of the others by what they are given."""
    found = {n: m for n, m in step.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    seen = seen_inputs(step, step, steps)
    unsuited = {n: why for n, m in found.items() if (why := _why_not(m, seen.get(n)))}
    scales = {
        name: Scales(
            scale_for(HEADROOM * seen[name].largest), scale_for(float(layer.weight.abs().max()))
        )
        for name, layer in found.items()
        if name not in unsuited
    }
    return unsuited, scales


def _why_not(layer: nn.Linear | nn.Conv2d, seen: Seen | None) -> str:
    """Why the layer is not suited to 8 bits, if it isn't."""
    out, into = layer.weight.shape[:2]
    if out % _CHANNELS or into % _CHANNELS:
        return f"{into} channels to {out}, not multiples of {_CHANNELS}"
    if isinstance(layer, nn.Conv2d) and layer.groups > 1:
        return "channels in groups"
    if seen is None:
        return "not used"
    if seen.dimensions == 2:
        return "one vector for each image: there is next to nothing to win"
    return ""


def _pair(scales: Scales) -> tuple[float, float]:
    return scales.activations, scales.weights
