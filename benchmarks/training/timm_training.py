"""A plain training loop of timm's parts, fed by its own loader: what our trainer is compared to."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from timm.data import create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import AverageMeter
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...kernels import AugmentRanges
from ...train import TrainSettings


class PilImages(Dataset[tuple[Any, int]]):
    """Decoded images in memory, as timm's own data sets give them.

    Args:
        images: uint8 `[N, S, S, 3]`, on the CPU.
        labels: of each image.
    """

    transform: Any = None
    """Of one image; timm's `create_loader` sets it."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._images = [Image.fromarray(image) for image in images.numpy()]
        self._labels = labels.tolist()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(self._images[index]), self._labels[index]


def timm_loader(
    dataset: PilImages,
    size: int,
    batch_size: int,
    augment: AugmentRanges,
    workers: int,
    device: torch.device,
) -> Any:
    """A training loader of timm's: Pillow crops and mirrors at random, the device normalises."""
    return create_loader(
        dataset,
        size,
        batch_size,
        is_training=True,
        scale=augment.area,
        ratio=augment.aspect,
        hflip=augment.flip,
        color_jitter=None,
        interpolation="bilinear",
        num_workers=workers,
        pin_memory=device.type == "cuda",
        device=device,
    )


class TimmTraining:
    """The loop of timm's `train.py`, without its logging and checkpoints.

    Args:
        model: on the device, channels-last.
        loader: timm's.
        settings: AdamW's learning rate and weight decay, label smoothing, average, warm-up, epochs.
        device: where to train.
        dtype: what autocast computes in; float32: no autocast.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Any,
        settings: TrainSettings,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._model, self._loader = model, loader
        self._device, self._dtype = device, dtype
        self._optimizer = create_optimizer_v2(
            model, "adamw", lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = settings.epochs * len(loader)
        self._schedule = CosineLRScheduler(
            self._optimizer,
            t_initial=steps,
            warmup_t=round(settings.warmup * steps),
            warmup_prefix=True,
            t_in_epochs=False,
        )
        self._loss = LabelSmoothingCrossEntropy(settings.label_smoothing)
        self._average = ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True)
        self._updates = 0

    def epoch(self) -> float:
        """Train on every batch of the loader once; the mean loss."""
        losses = AverageMeter()
        self._model.train()
        for images, labels in self._loader:
            images = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(
                self._device.type, self._dtype, enabled=self._dtype is not torch.float32
            ):
                loss = self._loss(self._model(images), labels)
            losses.update(loss.item(), len(images))
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._updates += 1
            self._average.update(self._model, step=self._updates)
            self._schedule.step_update(self._updates)
        mean: float = losses.avg
        return mean
