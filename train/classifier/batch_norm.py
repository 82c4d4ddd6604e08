"""Re-estimating BatchNorm statistics on unlabelled real images (arXiv 1603.04779)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...base.errors import InputError

_log = logging.getLogger(__name__)


@torch.no_grad()
def re_estimate(model: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replace the running statistics of every BatchNorm by those of real images.

    They become the means over all batches of each batch's mean and (unbiased) variance, every batch
    counting alike. Nothing else of the model changes, and only its BatchNorms run in training mode.
    That real images were used is logged as a warning.

    Args:
        model: a classifier that is trained.
        batches: float [B, 3, S, S], normalised, on the model's device; of one size, at best, and
            without augmentation.

    Returns:
        How many BatchNorms there are.

    Raises:
        InputError: for a model without BatchNorm, and where there is no batch.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not layers:
        raise InputError(
            f"{type(model).__name__} has no BatchNorm whose statistics could be re-estimated: "
            "choose a classifier that has, a ResNet or MobileNetV3 (ViT and ConvNeXt have none)"
        )
    rest = iter(batches)
    first = next(rest, None)
    if first is None:
        raise InputError("no images came to re-estimate BatchNorm statistics on: give at least one")
    modes = {module: module.training for module in model.modules()}
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # PyTorch's word for a cumulative average
        layer.train()
    images = 0
    for batch in chain([first], rest):
        model(batch)
        images += len(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    for module, training in modes.items():
        module.training = training
    _log.warning(
        "the statistics of %d BatchNorm layers were re-estimated on %d unlabelled real images: "
        "this classifier is no longer zero-shot",
        len(layers),
        images,
    )
    return len(layers)
