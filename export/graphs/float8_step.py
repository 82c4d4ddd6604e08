"""Which linear layers of a denoising step are computed in 8-bit floats: found by measuring."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from .float8_choice import choose_layers, seen_inputs
from .float8_linear import can_narrow, narrowed
from .steps import DenoiseStep
from .trajectories import StepInputs

__all__ = ["LayerRange", "measure_layers", "narrow_layers"]


@dataclass(frozen=True)
class LayerRange:
    """A linear layer that tokens pass through."""

    largest: float | None
    """The largest magnitude of its inputs; None where it cannot be narrow."""
    error: float | None
    """Of the UNet's prediction with this layer alone narrow; see `ALLOWED`. None where it cannot be
    narrow, or where that is not finite."""
    is_narrow: bool
    """Whether it is to be computed in 8 bits."""


@torch.inference_mode()
def measure_layers(step: DenoiseStep, inputs: Sequence[StepInputs]) -> dict[str, LayerRange]:
    """The linear layers of `step.unet` that tokens pass through, by name.

    Args:
        step: in bf16, on the device of `inputs`; it is left as it was.
        inputs: of all steps along some trajectories.
    """
    layers = dict(step.unet.named_modules())
    largest = {
        name: seen.largest
        for name, seen in seen_inputs(step.unet, step, inputs).items()
        if type(layers[name]) is nn.Linear and seen.dimensions == 3  # not those of the time
    }
    able = {name: most for name, most in largest.items() if can_narrow(layers[name], most)}

    @contextmanager
    def narrowing(names: Iterable[str]) -> Iterator[None]:
        chosen = {name: LayerRange(able[name], None, True) for name in names}
        narrow_layers(step.unet, chosen, simulated=True)
        try:
            yield
        finally:
            for name in chosen:
                step.unet.set_submodule(name, layers[name])

    choice = choose_layers(step, inputs, able, narrowing)
    return {
        name: LayerRange(able.get(name), _finite(choice.alone.get(name)), name in choice.narrow)
        for name in largest
    }


def narrow_layers(
    unet: nn.Module, ranges: Mapping[str, LayerRange], simulated: bool = False
) -> None:
    """Compute those layers of `unet` in 8 bits whose range says so; changes `unet`.

    `simulated` layers only round as these do; see `SimulatedFloat8Linear`.
    """
    for name, found in ranges.items():
        if found.is_narrow:
            assert found.largest is not None
            layer = unet.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            unet.set_submodule(name, narrowed(layer, found.largest, simulated))


def _finite(error: float | None) -> float | None:
    return None if error is None or math.isinf(error) else error
