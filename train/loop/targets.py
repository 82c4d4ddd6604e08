"""What the classifier is trained towards: soft labels, and batches mixed by Mixup and CutMix.

A batch is mixed with itself in reverse, with one share for all its images.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def smoothed_targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Labels int64 `[B]` as probabilities float32 `[B, K]`: `smoothing` is spread over all K."""
    rest = smoothing / classes
    targets = torch.full((len(labels), classes), rest, device=labels.device)
    return targets.scatter_(1, labels[:, None], 1 - smoothing + rest)


def soft_targets(hard: Tensor, teacher: Tensor, weight: float) -> Tensor:
    """`hard` targets `[B, K]` of which the share `weight` is the `teacher`'s `[B, K]`.

    Cross-entropy is linear in its targets: this gives the mixed loss of arXiv 2210.07574.
    """
    return hard.lerp(teacher, weight)


def mix(
    images: Tensor, targets: Tensor, mixup: float, cutmix: float, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Mix each image and its target with those of another, by Mixup or by CutMix.

    Mixup (arXiv 1710.09412) takes shares of both images, CutMix (arXiv 1905.04899) pastes a box of
    the other one; with both asked for, each batch draws one of them, with equal odds. The numbers
    are a pure function of (seed, step).

    Args:
        images: [B, 3, H, W] of any float dtype; overwritten.
        targets: [B, K] of any float dtype: probabilities.
        mixup: alpha of the Beta distribution of Mixup's shares; 0 for no Mixup.
        cutmix: alpha of the Beta distribution of the area that CutMix leaves; 0 for no CutMix.
        seed: 0 or more.
        step: which batch, 0 or more.

    Returns:
        `images`, mixed in place, and the new targets.
    """
    if not mixup and not cutmix:
        return images, targets
    random = np.random.default_rng((seed, step))
    cut = cutmix > 0 and (mixup == 0 or random.random() < 0.5)
    alpha = cutmix if cut else mixup
    own = random.beta(alpha, alpha)
    if cut:
        top, bottom, left, right = _box(images.shape[2:], own, random)
        images[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
        own = 1 - (bottom - top) * (right - left) / images[0, 0].numel()
    else:
        images.lerp_(images.flip(0), 1 - own)
    return images, targets.lerp(targets.flip(0), 1 - own)


def _box(
    size: tuple[int, ...], left_over: float, random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a box of the image's shape, its centre anywhere in it.

    Without the borders it would leave the share `left_over` of the image.
    """
    ratio = math.sqrt(1 - left_over)
    (top, bottom), (left, right) = (_side(length, ratio, random) for length in size)
    return top, bottom, left, right


def _side(length: int, ratio: float, random: np.random.Generator) -> tuple[int, int]:
    extent = int(length * ratio)
    centre = int(random.integers(length))
    return max(0, centre - extent // 2), min(length, centre + (extent + 1) // 2)
