"""Testing a classifier: accuracy with its uncertainty, per class, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from ...base.errors import InputError
from ..checks import check_images, check_labels, check_outputs
from .bounds import accuracy_interval

_BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """Counts of a test, int64 `[K, K]`: `confusion[i, j]` images of class i were taken for j."""

    confusion: Tensor

    @property
    def images(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return int(self.confusion.diagonal().sum()) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        return accuracy_interval(int(self.confusion.diagonal().sum()), self.images)

    def summary(self, classes: Sequence[str]) -> dict[str, Any]:
        """The figures as plain numbers, for JSON; chance is a guess among all classes."""
        return {
            "images": self.images,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "chance": 1 / len(classes),
            "per_class": [self._class_summary(row, name) for row, name in enumerate(classes)],
            "confusion": self.confusion.tolist(),
        }

    def _class_summary(self, row: int, name: str) -> dict[str, Any]:
        count, correct = int(self.confusion[row].sum()), int(self.confusion[row, row])
        return {
            "class": name,
            "images": count,
            "accuracy": correct / count if count else None,
            "interval": list(accuracy_interval(correct, count)) if count else None,
        }


def normalize(images: Tensor) -> Tensor:
    """uint8 `[B, S, S, 3]` to float32 `[B, 3, S, S]`, channels-last, by ImageNet's statistics."""
    mean = torch.tensor(IMAGENET_DEFAULT_MEAN, device=images.device).view(1, 3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEFAULT_STD, device=images.device).view(1, 3, 1, 1)
    batch = (images.permute(0, 3, 1, 2).float() / 255 - mean) / deviation
    return batch.contiguous(memory_format=torch.channels_last)


def predict_logits(
    model: nn.Module, images: Tensor, device: torch.device, size: int | None = None
) -> Tensor:
    """Logits of uint8 images `[N, S, S, 3]`: float32 `[N, K]` on the CPU, in eval mode.

    Raises `InputError` for images of another kind, and of another side than `size`.
    """
    return _outputs(model, model, images, device, size)


def predict_features(
    model: nn.Module, images: Tensor, device: torch.device, size: int | None = None
) -> Tensor:
    """What a timm model's last layer takes: float32 `[N, D]`; the rest is as of `predict_logits`.

    Raises `InputError`, too, for a model that does not tell.
    """

    def features(batch: Tensor) -> Tensor:
        timm_model: Any = model
        found: Tensor = timm_model.forward_head(timm_model.forward_features(batch), pre_logits=True)
        return found.flatten(1)

    try:
        return _outputs(model, features, images, device, size)
    except (AttributeError, TypeError) as error:
        raise InputError(
            f"the classifier, {type(model).__name__}, does not tell its features ({error}): choose "
            "another"
        ) from None


@torch.inference_mode()
def _outputs(
    model: nn.Module,
    run: Callable[[Tensor], Tensor],
    images: Tensor,
    device: torch.device,
    size: int | None,
) -> Tensor:
    check_images(images, size)
    if not len(images):
        raise InputError("there are no images to predict: give at least 1")
    was_training = model.training
    model.eval()
    chunks = [run(normalize(chunk.to(device))).float().cpu() for chunk in images.split(_BATCH)]
    model.train(was_training)
    return torch.cat(chunks)


def predict(
    model: nn.Module, images: Tensor, device: torch.device, size: int | None = None
) -> Tensor:
    """Class probabilities, float32 `[N, K]` on the CPU; the rest is as of `predict_logits`."""
    return predict_logits(model, images, device, size).softmax(1)


def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    device: torch.device,
    size: int | None = None,
) -> Evaluation:
    """Test `model` on uint8 images `[N, S, S, 3]` with labels int64 `[N]`, 0 to `num_classes` - 1.

    Raises `InputError` for anything else, for images of another side than `size`, for none, and
    for a model of another number of classes.
    """
    check_images(images, size)
    check_labels(labels, len(images), num_classes)
    if not len(images):
        raise InputError("there are no images to test on: give at least 1")
    return counted(predict_logits(model, images, device), labels, num_classes)


def counted(logits: Tensor, labels: Tensor, num_classes: int) -> Evaluation:
    """The counts of logits `[N, K]`, on the CPU; `InputError` unless K is `num_classes`."""
    check_outputs(logits.shape[1], num_classes)
    cells = labels.cpu().long() * num_classes + logits.argmax(1)
    confusion = torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)
    return Evaluation(confusion)
