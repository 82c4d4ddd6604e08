"""The dual encoder that softens the labels of a run."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoders import ZeroShotClassifier, load_encoder
from ..generate import ClassName
from ..train.loop.targets import soft_targets
from .settings import RunSettings


def load_teacher(
    settings: RunSettings, classes: tuple[ClassName, ...], device: torch.device
) -> ZeroShotClassifier | None:
    """The teacher that was asked for; None without one."""
    if settings.gap.teacher is None:
        return None
    encoder = load_encoder(settings.gap.teacher, device)
    return ZeroShotClassifier(encoder, [item.prompt for item in classes])


def softening(
    teacher: ZeroShotClassifier, classes: int, weight: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """What gives soft targets for images and labels."""

    def soften(images: Tensor, labels: Tensor) -> Tensor:
        return soft_targets(F.one_hot(labels, classes).float(), teacher(images), weight)

    return soften
