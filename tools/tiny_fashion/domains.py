"""The ten domains of the method as fixed image operations, for training the embedded pipeline.

Real text-to-image models learn "a sketch of a coat" from captioned sketches. Fashion-MNIST has
only photographs, so each other domain is made from them here by a documented operation. An
operation takes garments on black, `[B, 1, H, W]` float32 in 0..1, and four uniform draws an image,
`[B, 4]` in 0..1, which choose colours and offsets, and gives RGB, `[B, 3, H, W]` in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4


def _blur(image: Tensor, size: int = 3) -> Tensor:
    padded = F.pad(image, [size // 2] * 4, mode="replicate")
    return F.avg_pool2d(padded, size, stride=1)


def _gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(image, [1] * 4, mode="replicate")
    horizontal = F.conv2d(padded, _SOBEL[None, None])
    vertical = F.conv2d(padded, _SOBEL.T[None, None])
    return horizontal, vertical


def _edges(image: Tensor) -> Tensor:
    horizontal, vertical = _gradients(image)
    return (horizontal.square() + vertical.square()).sqrt()


def _dilate(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask, 3, stride=1, padding=1)


def _erode(mask: Tensor) -> Tensor:
    return -F.max_pool2d(-mask, 3, stride=1, padding=1)


def _silhouette(image: Tensor) -> Tensor:
    """1 inside the garment, 0 outside; a closing fills holes of dark fabric."""
    return _erode(_dilate((_blur(image) > 0.12).float()))


def _hue(hue: Tensor, saturation: float, value: float) -> Tensor:
    """Colours `[B, 3, 1, 1]` of hues `[B]` in turns (the usual piecewise-linear HSV formula)."""
    offsets = torch.tensor([5.0, 3.0, 1.0]).view(1, 3)
    k = (offsets + 6 * hue[:, None]) % 6
    ramp = torch.minimum(k, 4 - k).clamp(0, 1)
    return (value - value * saturation * ramp)[:, :, None, None]


def _ramp(image: Tensor, horizontal: bool = False) -> Tensor:
    """A ramp from 0 to 1 down (or across) an image, `[1, 1, H, W]`."""
    height, width = image.shape[-2:]
    if horizontal:
        return torch.linspace(0, 1, width).view(1, 1, 1, width).expand(1, 1, height, width)
    return torch.linspace(0, 1, height).view(1, 1, height, 1).expand(1, 1, height, width)


def _mix(below: Tensor, above: Tensor, amount: Tensor) -> Tensor:
    return below + (above - below) * amount


def photo(image: Tensor, draws: Tensor) -> Tensor:
    """The photograph as it is: grey garment on black."""
    return image.expand(-1, 3, -1, -1)


def drawing(image: Tensor, draws: Tensor) -> Tensor:
    """Pencil on white paper: dark outlines and tones in diagonal hatching."""
    height, width = image.shape[-2:]
    diagonal = torch.arange(height)[:, None] + torch.arange(width)[None, :]
    hatch = (diagonal % 3 == 0).float()
    ink = 0.28 * _blur(image) + 0.35 * hatch * (image > 0.35) + 1.6 * _edges(image)
    return (0.97 - ink.clamp(0, 0.9)).expand(-1, 3, -1, -1)


def painting(image: Tensor, draws: Tensor) -> Tensor:
    """Oil paint: details flattened by opening and closing, a warm garment on a muted ground."""
    flat = _blur(_dilate(_erode(_erode(_dilate(image)))))
    ground = _hue(draws[:, 0], 0.45, 0.45) * (0.8 + 0.2 * _ramp(image))
    garment = _hue(0.12 * draws[:, 1], 0.65, 1.0)
    return _mix(ground, garment * (0.35 + 0.65 * flat), (2.5 * flat).clamp(0, 1))


def sketch(image: Tensor, draws: Tensor) -> Tensor:
    """Contour lines only, in blue ink on cream paper."""
    paper = torch.tensor([0.98, 0.96, 0.88]).view(1, 3, 1, 1)
    ink = torch.tensor([0.10, 0.12, 0.45]).view(1, 3, 1, 1)
    return _mix(paper, ink, (2.6 * _edges(image) - 0.1).clamp(0, 1))


def collage(image: Tensor, draws: Tensor) -> Tensor:
    """Four pieces of tinted paper with a white gap, each piece shifted by one pixel."""
    height, width = image.shape[-2:]
    pieces = torch.empty(len(image), 3, height, width)
    for piece in range(4):
        rows = slice(0, height // 2) if piece < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if piece % 2 == 0 else slice(width // 2, width)
        shifted = torch.roll(image, (1 if piece < 2 else -1, 1 if piece % 2 == 0 else -1), (2, 3))
        paper = _hue((draws[:, 0] + piece / 4) % 1, 0.55, 0.45)
        tint = _hue((draws[:, 1] + piece / 4) % 1, 0.25, 1.0)
        pieces[:, :, rows, columns] = _mix(paper, tint, shifted)[:, :, rows, columns]
    pieces[:, :, height // 2 - 1 : height // 2 + 1] = 1
    pieces[:, :, :, width // 2 - 1 : width // 2 + 1] = 1
    return pieces


def poster(image: Tensor, draws: Tensor) -> Tensor:
    """Screen print in three flat inks: saturated ground, contrasting garment, light highlights."""
    ground = _hue(draws[:, 0], 0.85, 0.95)
    garment = _hue((draws[:, 0] + 0.5) % 1, 0.9, 0.6)
    light = torch.ones(1, 3, 1, 1)
    soft = _blur(image)
    print_ = _mix(ground, garment, _silhouette(image))
    return _mix(print_, light, (soft > 0.62).float() * 0.85)


def digital_art_image(image: Tensor, draws: Tensor) -> Tensor:
    """Neon: a magenta to cyan gradient through the garment and its glow, on dark blue."""
    magenta = torch.tensor([1.0, 0.15, 0.9]).view(1, 3, 1, 1)
    cyan = torch.tensor([0.1, 0.95, 1.0]).view(1, 3, 1, 1)
    ground = torch.tensor([0.03, 0.02, 0.14]).view(1, 3, 1, 1)
    ramp = _mix(_ramp(image), 1 - _ramp(image), (draws[:, :1, None, None] > 0.5).float())
    neon = _mix(magenta, cyan, ramp)
    glow = _blur(_silhouette(image), 7)
    return (ground + neon * (0.75 * image + 0.35 * glow + 0.5 * _edges(image))).clamp(0, 1)


def rock_drawing(image: Tensor, draws: Tensor) -> Tensor:
    """Red ochre on sandstone: a flat figure with a darker rim on layered rock."""
    height, width = image.shape[-2:]
    rows = torch.arange(height).view(1, 1, height, 1)
    columns = torch.arange(width).view(1, 1, 1, width)
    phase = 6.28 * draws[:, 0].view(-1, 1, 1, 1)
    layers = 0.5 + 0.5 * torch.sin(0.55 * rows + 1.2 * torch.sin(0.25 * columns + phase) + phase)
    rock = torch.tensor([0.80, 0.64, 0.42]).view(1, 3, 1, 1) * (0.82 + 0.18 * layers)
    ochre = torch.tensor([0.50, 0.16, 0.08]).view(1, 3, 1, 1)
    figure = _blur(_silhouette(image)) * (0.55 + 0.35 * _blur(image)) + 0.5 * _edges(image)
    return _mix(rock, ochre, figure.clamp(0, 0.95))


def stick_figure(image: Tensor, draws: Tensor) -> Tensor:
    """Thick black strokes on white along the garment's skeleton and lower rim.

    The skeleton is Lantuejoul's: the union over k of what an opening removes from the k-th erosion.
    """
    shape = _silhouette(image)
    skeleton = torch.zeros_like(shape)
    for _ in range(12):
        skeleton = torch.maximum(skeleton, shape - _dilate(_erode(shape)))
        shape = _erode(shape)
    return (1 - _blur(_dilate(skeleton)).clamp(0, 1)).expand(-1, 3, -1, -1)


def rendering_3d(image: Tensor, draws: Tensor) -> Tensor:
    """Shaded relief: brightness read as height, lit from one side, before a studio gradient."""
    height = _blur(_silhouette(image), 5) + 0.6 * _blur(image)
    horizontal, vertical = _gradients(height)
    side = torch.where(draws[:, 0] > 0.5, 1.0, -1.0).view(-1, 1, 1, 1)
    shade = (0.55 + 0.25 * image + 0.9 * (side * horizontal + vertical)).clamp(0, 1)
    studio = torch.tensor([0.62, 0.70, 0.80]).view(1, 3, 1, 1) * (0.65 + 0.35 * _ramp(image))
    shadow = torch.roll(_blur(_silhouette(image), 5), (3, 2), (2, 3))
    clay = _hue(draws[:, 1], 0.25, 1.0) * shade
    return _mix(studio * (1 - 0.45 * shadow), clay, _blur(_silhouette(image)))


DOMAINS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "photo": photo,
    "drawing": drawing,
    "painting": painting,
    "sketch": sketch,
    "collage": collage,
    "poster": poster,
    "digital art image": digital_art_image,
    "rock drawing": rock_drawing,
    "stick figure": stick_figure,
    "3D rendering": rendering_3d,
}
