"""What becomes of pictures in computers: contrast, elastic warps, large pixels and JPEG.

See `noise.py` on arguments.
"""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ....base.transfer import to_device
from .draws import Draws
from .planes import REFLECT, box_matrix, gaussian


def contrast(pixels: Tensor, draws: Draws, kept: float) -> Tensor:
    """A share of each value's distance from the mean of its channel."""
    means = pixels.mean((2, 3), keepdim=True)
    return (pixels - means) * kept + means


def elastic(pixels: Tensor, draws: Draws, warp: tuple[float, float, float]) -> Tensor:
    """An affine map of three points that are moved at random, then a smooth field of displacements.

    `warp` are the field's strength, its sigma, and the farthest that a point is moved along an
    axis, all as shares of the side.
    """
    strength, sigma, farthest = (share * pixels.shape[-1] for share in warp)
    side = pixels.shape[-1]
    moves = (draws.uniform((3, 2), 0) * 2 - 1) * farthest
    mapped = sampled(pixels, *affine_places(moves, side), border="mirror")
    if strength == 0:
        return mapped
    fields = (draws.uniform((2, side, side), 1) * 2 - 1).float()
    across, down = (gaussian(fields, sigma, 3.0, REFLECT) * strength).unbind(1)
    places = torch.arange(side, device=pixels.device, dtype=torch.float32)
    return sampled(mapped, places + across, places[:, None] + down, border="reflect")


def pixelate(pixels: Tensor, draws: Draws, share: float) -> Tensor:
    """Shrunk to a share of its side and enlarged again, by Pillow's filter `BOX`."""
    side = pixels.shape[-1]
    small = max(1, int(side * share))
    for before, after in ((side, small), (small, side)):
        matrix = box_matrix(before, after).to(pixels)
        pixels = _in_levels(matrix @ _in_levels(pixels @ matrix.T))
    return pixels


def jpeg(pixels: Tensor, draws: Draws, quality: int) -> Tensor:
    """Written as JPEG and read again by Pillow, on the CPU, its colours at half the resolution."""
    levels = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    found = np.empty_like(levels)
    for place, picture in enumerate(levels):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        found[place] = np.asarray(Image.open(file))
    return to_device(torch.from_numpy(found), pixels.device).permute(0, 3, 1, 2).float() / 255


def affine_places(moves: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Where each pixel of an affine map comes from: x and y, float32 `[B, S, S]`.

    Three points around the middle, as the published code has them, go where `moves`, `[B, 3, 2]`,
    takes them.
    """
    middle, reach = side // 2, max(1, side // 3)
    high, low = middle + reach, middle - reach
    points = torch.tensor([[high, high], [high, low], [low, low]], dtype=torch.float64)
    ones = torch.ones(3, 1, dtype=torch.float64)
    before = torch.cat([points, ones], 1).to(moves)
    after = torch.cat([points.to(moves) + moves, ones.to(moves).expand(len(moves), 3, 1)], 2)
    back = torch.linalg.solve(after, before.expand(len(moves), 3, 3))  # [x', y', 1] @ back
    line = torch.arange(side, dtype=torch.float64, device=moves.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    sources = torch.stack([x, y, torch.ones_like(x)], 2) @ back[:, None]  # [B, S, S, 3]
    return sources[..., 0].float(), sources[..., 1].float()


def sampled(planes: Tensor, x: Tensor, y: Tensor, border: str) -> Tensor:
    """Planes `[B, C, S, S]` at places `[B, S, S]`, linearly.

    Beyond the border they are mirrored, about the last pixel's centre (`mirror`) or about its edge
    (`reflect`).
    """
    side, to_centres = planes.shape[-1], border == "mirror"
    grid = torch.stack([x, y], 3)
    scaled = grid * (2 / (side - 1)) - 1 if to_centres else (grid * 2 + 1) / side - 1
    return F.grid_sample(
        planes, scaled, "bilinear", padding_mode="reflection", align_corners=to_centres
    )


def _in_levels(pixels: Tensor) -> Tensor:
    """Rounded to 8 bits, halves up, as Pillow does after each pass."""
    return (pixels * 255 + 0.5).floor() / 255
