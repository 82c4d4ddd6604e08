"""Weather: snow, frost, fog and a brighter sky. See `noise.py` on arguments."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ....kernels._augment_reference import LUMA
from .blur import moved
from .draws import Draws
from .planes import zoomed

_ICE = (0.8, 0.9, 1.0)
_FROST_DECAY = 1.8
_FIRST = 100.0  # how far a plasma's first fold goes: the square of that
_PLASMA = 16  # its first draw


def snow(
    pixels: Tensor, draws: Draws, flakes: tuple[float, float, float, float, int, float, float]
) -> Tensor:
    """Flakes that leave a trace as they fall, in a paler picture.

    `flakes` are the mean and the deviation of a field, its zoom, the threshold below which it shows
    nothing, radius and sigma of the trace, and what is left of the picture's own colours.
    """
    mean, deviation, zoom, threshold, radius, sigma, kept = flakes
    shape = (1, *pixels.shape[2:])
    field = zoomed(mean + deviation * draws.normal(shape, 0), zoom)
    field = torch.where(field < threshold, 0.0, field).clamp(0, 1)
    degrees = draws.uniform((), 1) * 90 - 135
    layer = moved((field * 255).floor() / 255, radius, sigma, degrees)
    red, green, blue = pixels.unbind(1)
    grey = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]
    pale = kept * pixels + (1 - kept) * torch.maximum(pixels, grey * 1.5 + 0.5)
    return pale + layer + layer.rot90(2, (2, 3))


def frost(pixels: Tensor, draws: Draws, shares: tuple[float, float]) -> Tensor:
    """A share of the picture under a share of ice.

    The ice is drawn: ridges of a plasma. The published code takes six photographs that we have no
    licence for.
    """
    picture, ice = shares
    ridges = 1 - (2 * plasma(draws, pixels.shape[-1], _FROST_DECAY) - 1).abs()
    colour = torch.tensor(_ICE, device=pixels.device).view(3, 1, 1)
    return picture * pixels + ice * colour * ridges.square()[:, None]


def fog(pixels: Tensor, draws: Draws, plumes: tuple[float, float]) -> Tensor:
    """Plasma of a strength and a decay, then all brought back to the picture's brightest value."""
    strength, decay = plumes
    brightest = pixels.amax((1, 2, 3), keepdim=True)
    hazy = pixels + strength * plasma(draws, pixels.shape[-1], decay)[:, None]
    return hazy * brightest / (brightest + strength)


def brightness(pixels: Tensor, draws: Draws, more: float) -> Tensor:
    """The value of HSV raised, hue and saturation as they were; black becomes grey."""
    value = pixels.amax(1, keepdim=True)
    raised = (value + more).clamp(0, 1)
    return torch.where(value > 0, pixels * (raised / value.clamp(min=1e-6)), raised)


def plasma(draws: Draws, side: int, decay: float) -> Tensor:
    """Clouds by the diamond-square algorithm, float32 `[B, side, side]`, mostly from 0 to 1.

    As the published `plasma_fractal`: on a torus whose side is a power of two, which has the whole
    range, and of which a corner is taken.
    """
    size = max(2, 1 << (side - 1).bit_length())
    field = torch.zeros(len(draws.keys), size, size, dtype=torch.float64, device=draws.keys.device)
    step, amplitude, numbers = size, _FIRST, itertools.count(_PLASMA)
    while step >= 2:
        half, reach = step // 2, amplitude**2  # the square, as published
        corners = field[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        middles = _wobbled(pairs + pairs.roll(-1, 2), reach, draws, next(numbers))
        above = middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)
        beside = middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)
        field[:, half::step, half::step] = middles
        field[:, ::step, half::step] = _wobbled(above, reach, draws, next(numbers))
        field[:, half::step, ::step] = _wobbled(beside, reach, draws, next(numbers))
        step, amplitude = half, amplitude / decay
    field = field - field.amin((1, 2), keepdim=True)
    field = field / field.amax((1, 2), keepdim=True)
    return field[:, :side, :side].float()


def _wobbled(sums: Tensor, reach: float, draws: Draws, number: int) -> Tensor:
    """The mean of four that were added up, moved by up to `reach`."""
    return sums / 4 + reach * (draws.uniform(sums.shape[1:], number) * 2 - 1)
