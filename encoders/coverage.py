"""How generated images lie among real ones, in the space of an encoder.

Precision and recall by k-nearest neighbours (arXiv 1904.06991), density and coverage (arXiv
2002.09797). The authors' package, `prdc`, computes the same in NumPy, holds all distances at once
and brings scikit-learn; this stays on the device and takes rows in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError

NEIGHBOURS = 5
_BLOCK = 1024


@dataclass(frozen=True)
class Nearness:
    """Shares of images, and density, which can be above 1."""

    precision: float
    """Of generated images inside the ball of some real image, which reaches to its k-th
    neighbour."""
    recall: float
    """Of real images inside the ball of some generated image."""
    density: float
    """Of each generated image, in how many real images' balls it is, over k; on average."""
    coverage: float
    """Of real images in whose ball there is a generated image."""


class RealVectors:
    """Vectors of real images, float `[N, D]`, to compare generated ones with.

    Raises `InputError` for fewer than `neighbours` + 1.
    """

    def __init__(self, vectors: Tensor, neighbours: int = NEIGHBOURS) -> None:
        check_enough(len(vectors), neighbours, "real")
        self._vectors, self._neighbours = vectors.double(), neighbours
        self._radii = _radii(self._vectors, neighbours)

    def __len__(self) -> int:
        return len(self._vectors)

    @torch.inference_mode()
    def nearness(self, generated: Tensor) -> Nearness:
        """What there is to say of generated vectors, `[M, D]`.

        Raises `InputError` for fewer than `neighbours` + 1.
        """
        check_enough(len(generated), self._neighbours, "generated")
        generated = generated.double()
        radii = _radii(generated, self._neighbours)
        balls = torch.zeros(len(generated), dtype=torch.long, device=generated.device)
        recalled = covered = 0
        for real, reach in zip(self._vectors.split(_BLOCK), self._radii.split(_BLOCK), strict=True):
            distances = torch.cdist(real, generated)  # [B, M]
            inside = distances < reach[:, None]
            balls += inside.sum(0)
            covered += int(inside.any(1).sum())
            recalled += int((distances < radii).any(1).sum())
        return Nearness(
            float((balls > 0).double().mean()),
            recalled / len(self),
            float(balls.double().mean()) / self._neighbours,
            covered / len(self),
        )


def check_enough(count: int, neighbours: int, what: str) -> None:
    """Raise `InputError` unless `count` images have so many neighbours each."""
    if count <= neighbours:
        raise InputError(
            f"{count} {what} images have no {neighbours} neighbours each: give at least "
            f"{neighbours + 1}, or fewer --neighbours"
        )


@torch.inference_mode()
def _radii(vectors: Tensor, neighbours: int) -> Tensor:
    """Of each vector, the distance to its k-th nearest other, `[N]`."""
    parts = []
    for start, block in zip(range(0, len(vectors), _BLOCK), vectors.split(_BLOCK), strict=True):
        distances = torch.cdist(block, vectors)
        rows = torch.arange(len(block), device=vectors.device)
        distances[rows, rows + start] = torch.inf  # which is no other
        parts.append(distances.topk(neighbours, largest=False).values[:, -1])
    return torch.cat(parts)
