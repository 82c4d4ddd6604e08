"""Training the last layer on features that are drawn from Gaussians of classes.

After "Free lunch for few-shot learning: distribution calibration" (arXiv 2101.06395): a class is a
Gaussian in the space of features, and a linear classifier learns from features drawn of it beside
those of images. There, classes of few images borrow the statistics of others that have many; here
all share one covariance, as in `ClassGaussians`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.transfer import to_device
from ...encoders.gaussians import ClassGaussians
from ..loop.optimization import loss_function
from ..loop.targets import smoothed_targets
from ..pool.pool import ImagePool
from ..settings import TrainSettings
from .evaluate import predict_features, predict_logits

_EPOCHS = 20
_BATCH = 256
_RATE = 1e-2  # falls to zero, as a cosine
_READ = 1000  # images


def linear_head(model: nn.Module, name: str, image_size: int) -> nn.Linear:
    """The last layer of the timm classifier called `name`.

    Raises `InputError` unless it is one linear layer that makes logits of the features.
    """
    timm_model: Any = model
    head = timm_model.get_classifier() if hasattr(model, "get_classifier") else None
    if type(head) is nn.Linear and _makes_logits(head, model, image_size):
        return head
    raise InputError(
        f"classifier {name!r} does not end in one linear layer, which sampled features could train "
        "alone: leave out --feature-samples, or choose another, such as 'resnet18'"
    )


@torch.no_grad()
def _makes_logits(head: nn.Linear, model: nn.Module, image_size: int) -> bool:
    """Whether `head` of the features is what `model` gives, but for rounding."""
    device = head.weight.device
    images = torch.full((1, image_size, image_size, 3), 200, dtype=torch.uint8)
    features = predict_features(model, images, device).to(device)
    if features.shape[1] != head.in_features:
        return False
    expected = predict_logits(model, images, device)
    return torch.allclose(head(features).cpu(), expected, rtol=1e-3, atol=1e-4)


def check_images_enough(images: int, classes: int) -> None:
    """Raise `InputError` for no more images than classes, which tell no covariance."""
    if images <= classes:
        raise InputError(
            f"{images} images of {classes} classes tell nothing of how features spread: leave out "
            "--feature-samples, or give several images of each class"
        )


def train_head(
    model: nn.Module,
    head: nn.Linear,
    pool: ImagePool,
    settings: TrainSettings,
    num_classes: int,
    seed: int,
) -> None:
    """Train `head`, the last layer of `model`, on from where it is; nothing else changes.

    It learns from the features of the images that `pool` holds, as they are, and from
    `settings.feature_samples` more of each class, drawn by `seed`. Those have the mean target of
    their class's images: soft labels of a teacher count as in training.

    Raises `InputError` for a class without an image and for features that do not differ.
    """
    features, labels, targets = _read(model, pool)
    if not targets.is_floating_point():
        targets = smoothed_targets(targets, num_classes, settings.label_smoothing)
    numbers = [f"number {label}" for label in range(num_classes)]
    gaussians = ClassGaussians(features, labels, numbers)
    drawn, classes = gaussians.drawn(settings.feature_samples, seed)
    means = targets.new_zeros(num_classes, num_classes).index_add_(0, labels, targets)
    means /= labels.bincount(minlength=num_classes)[:, None]
    _fit(head, torch.cat([features, drawn]), torch.cat([targets, means[classes]]), settings, seed)


def _read(model: nn.Module, pool: ImagePool) -> tuple[Tensor, Tensor, Tensor]:
    """Features `[N, D]`, labels and targets of what the pool has published, on the host."""
    slots, features = pool.slots(), []
    pool.begin_reading(slots)
    for begin in range(0, len(slots), _READ):
        part = slots[begin : begin + _READ]
        images, rows = pool.gather(part, to_device(torch.from_numpy(part), pool.device))
        features.append(predict_features(model, images[rows], pool.device))
    targets = pool.target_storage.cpu()[torch.from_numpy(slots)]
    return torch.cat(features), torch.from_numpy(pool.labels_of(slots)), targets


def _fit(
    head: nn.Linear, features: Tensor, targets: Tensor, settings: TrainSettings, seed: int
) -> None:
    """Train on features `[N, D]` and their targets `[N, K]`, in an order by `seed`."""
    device = head.weight.device
    loss = loss_function(settings)
    needed = [weight.requires_grad for weight in head.parameters()]
    optimizer = torch.optim.AdamW(
        head.requires_grad_(True).parameters(), lr=_RATE, weight_decay=settings.weight_decay
    )
    generator = torch.Generator().manual_seed(seed)
    steps = _EPOCHS * -(-len(features) // _BATCH)
    step = 0
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(features), generator=generator).split(_BATCH):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1 + math.cos(math.pi * step / steps)) / 2
            optimizer.zero_grad(set_to_none=True)
            loss(head(features[rows].to(device)), targets[rows].to(device)).backward()
            optimizer.step()
            step += 1
    optimizer.zero_grad(set_to_none=True)
    for weight, need in zip(head.parameters(), needed, strict=True):
        weight.requires_grad_(need)
