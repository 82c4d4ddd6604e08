"""Training images: garments from Fashion-MNIST's training split, rendered in the ten domains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroreal.data.fashion_mnist import load_fashion_mnist

from .domains import DOMAINS
from .settings import SIZE, Settings


@dataclass
class Garments:
    """Images `[N, 1, 32, 32]` float32 in 0..1 on black, and labels `[N]`."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load_garments(folder: Path | None, held_out: int) -> Garments:
    """The training split but for its last `held_out` images; `None` downloads it."""
    images, labels = load_fashion_mnist(folder, "train")
    kept = len(images) - held_out
    grey = images[:kept, None].float() / 255
    resized = F.interpolate(grey, size=SIZE, mode="bilinear", antialias=True)
    return Garments(resized, labels[:kept])


def render(garments: Tensor, domains: Tensor, draws: Tensor) -> Tensor:
    """Apply to each garment `[B, 1, H, W]` its domain's operation: RGB in -1..1, `[B, 3, H, W]`."""
    images = torch.empty(len(garments), 3, *garments.shape[2:])
    for index, operation in enumerate(DOMAINS.values()):
        chosen = domains == index
        if chosen.any():
            images[chosen] = operation(garments[chosen], draws[chosen])
    return (images * 2 - 1).contiguous(memory_format=torch.channels_last)


def draw_batch(
    garments: Garments, size: int, settings: Settings, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Images `[B, 3, 32, 32]` in -1..1, labels and domains `[B]`, on the settings' device."""
    rows = torch.randint(len(garments), (size,), generator=generator)
    domains = torch.randint(1, len(DOMAINS), (size,), generator=generator)
    domains = domains.where(torch.rand(size, generator=generator) > settings.photo_share, 0)
    draws = torch.rand(size, 4, generator=generator)
    images = render(garments.images[rows], domains, draws)
    device = settings.device
    return images.to(device), garments.labels[rows].to(device), domains.to(device)
