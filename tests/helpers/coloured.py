"""Pictures that a small network learns to tell apart in a second: classes are colours."""

import torch

COLOURS = {"red": (200, 60, 50), "green": (60, 180, 70), "blue": (50, 70, 190), "grey": (128,) * 3}


def coloured(count, side, seed=0):
    """Images, uint8 `[count, side, side, 3]`, and labels, int64 `[count]`, the classes in turn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(COLOURS)
    means = torch.tensor(list(COLOURS.values()), dtype=torch.float32)[labels]
    light = 60 * torch.rand(count, 1, 1, 1, generator=generator) - 30
    noise = 25 * torch.randn(count, side, side, 3, generator=generator)
    images = means[:, None, None] + light + noise
    return images.clamp(0, 255).round().to(torch.uint8), labels
