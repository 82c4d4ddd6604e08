"""What turns logits into new weights: loss, optimiser and learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from timm.optim import Lamb
from torch import Tensor, nn

from ..settings import TrainSettings

_PRESENT = 0.2
"""A class whose share of the target is above this is there: `bce_target_thresh` of timm's A2."""


def make_optimizer(
    model: nn.Module, settings: TrainSettings, device: torch.device
) -> torch.optim.Optimizer:
    """The optimiser that `settings` name, over all weights of `model`, which is on `device`.

    Norms and biases are not decayed, as timm does by default. LAMB is timm's, which also scales the
    gradients down to a norm of 1. AdamW and SGD are fused: they go through weights, gradients and
    moments in the order of memory, which must be the same for all, and on the CPU nothing checks
    that it is. Autograd sees to gradients; moments saved contiguous must be laid out anew.
    """
    groups = [
        {
            "params": [weight for weight in model.parameters() if weight.ndim > 1],
            "weight_decay": settings.weight_decay,
        },
        {
            "params": [weight for weight in model.parameters() if weight.ndim <= 1],
            "weight_decay": 0.0,
        },
    ]
    if settings.optimizer == "lamb":
        lamb: torch.optim.Optimizer = Lamb(groups, lr=settings.learning_rate)
        return lamb
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            fused=device.type == "cuda",  # on CPUs the fused one was slower, 17 ms against 13
        )
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def restore_memory_formats(optimizer: torch.optim.Optimizer) -> None:
    """Lay out loaded moments as their weights are, which fused optimisers do not check."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)


def learning_rate(settings: TrainSettings, steps: int) -> Callable[[int], float]:
    """The share of the peak at each of `steps` updates: a linear rise, then a fall to zero."""
    warmup = round(settings.warmup * steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        if settings.schedule == "linear":
            return 1 - done
        return 0.5 * (1 + math.cos(math.pi * done))

    return factor


def loss_function(settings: TrainSettings) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss that `settings` name: of logits `[B, K]` and targets float `[B, K]`, a scalar.

    Targets are probabilities: smoothed, mixed or a teacher's. `cross-entropy` takes them as they
    are. `binary` asks of each class on its own whether it is there at all (arXiv 2110.00476,
    section 2), and is the mean over classes too.
    """
    return _binary_cross_entropy if settings.loss == "binary" else _cross_entropy


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.float(), targets)


def _binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), (targets > _PRESENT).float())
