"""Which linear layers of a denoising step are computed in 8-bit floats: found by measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .float8_linear import can_narrow, narrowed
from .steps import DenoiseStep
from .trajectories import StepInputs

__all__ = ["LayerRange", "measure_layers", "narrow_layers"]

MOST_ERROR = 0.01
"""Of the UNet's prediction, relative, with one layer narrow: with more, that one stays wide. On the
embedded model layers are at 0.3 to 0.5 %, of which 0.3 % is other rounding in bf16."""
_MEASURED = 4  # steps of the trajectories that errors are measured at


@dataclass(frozen=True)
class LayerRange:
    """A linear layer that tokens pass through."""

    largest: float | None
    """The largest magnitude of its inputs; None where it cannot be narrow."""
    error: float | None
    """Of the UNet's prediction with this layer alone narrow: the norm of the difference by the norm
    of the prediction; None where it cannot be narrow, or where that is not finite."""

    @property
    def is_narrow(self) -> bool:
        """Whether it is to be computed in 8 bits."""
        return self.error is not None and self.error <= MOST_ERROR


@torch.inference_mode()
def measure_layers(step: DenoiseStep, inputs: Sequence[StepInputs]) -> dict[str, LayerRange]:
    """The linear layers of `step.unet` that tokens pass through, by name.

    Args:
        step: in bf16, on the device of `inputs`; it is left as it was.
        inputs: of all steps along some trajectories.
    """
    largest = _largest_inputs(step, inputs)
    last = max(len(inputs) - 1, 1)
    places = sorted({round(last * part / (_MEASURED - 1)) for part in range(_MEASURED)})
    some = [inputs[place] for place in places if place < len(inputs)]
    wide = _predictions(step, some)
    layers = dict(step.unet.named_modules())
    ranges = {}
    for name, most in largest.items():
        if not can_narrow(layers[name], most):
            ranges[name] = LayerRange(None, None)
            continue
        with _one_narrow(step.unet, name, most):
            error = float((_predictions(step, some) - wide).norm() / wide.norm())
        ranges[name] = LayerRange(most, error if error < float("inf") else None)
    return ranges


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


def _largest_inputs(step: DenoiseStep, inputs: Sequence[StepInputs]) -> dict[str, float]:
    """Of each linear layer that is given `[B, tokens, channels]`: not those of the time."""
    most: dict[str, Tensor] = {}

    def note(name: str, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        if given[0].ndim == 3:
            magnitude = given[0].abs().amax()
            most[name] = torch.maximum(most[name], magnitude) if name in most else magnitude

    handles = [
        layer.register_forward_pre_hook(partial(note, name))
        for name, layer in step.unet.named_modules()
        if type(layer) is nn.Linear
    ]
    for one in inputs:
        step(**one)
    for handle in handles:
        handle.remove()
    return {name: float(magnitude) for name, magnitude in most.items()}


def _predictions(step: DenoiseStep, inputs: Sequence[StepInputs]) -> Tensor:
    """What the UNet gives for `inputs`, as one float32 vector."""
    kept: list[Tensor] = []

    def keep(unet: nn.Module, given: object, result: tuple[Tensor, ...]) -> None:
        kept.append(result[0].float().flatten())

    handle = step.unet.register_forward_hook(keep)
    for one in inputs:
        step(**one)
    handle.remove()
    return torch.cat(kept)


@contextmanager
def _one_narrow(unet: nn.Module, name: str, largest: float) -> Iterator[None]:
    layer = unet.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    unet.set_submodule(name, narrowed(layer, largest, simulated=True))
    try:
        yield
    finally:
        unet.set_submodule(name, layer)
