"""The trainer: a pool of generated images in, a classifier out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from ..engine import InputError, resolve_device, resolve_precision
from .augment import augment
from .classifier import create_classifier, to_channels_last
from .evaluate import Evaluation, evaluate, predict
from .pool import ImagePool
from .settings import TrainSettings

DEFAULT_CLASSIFIER = "test_resnet"


@dataclass(frozen=True)
class EpochReport:
    """Means over one epoch, on augmented training images."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float


class Trainer:
    """Trains a timm classifier from scratch, channels-last, in mixed precision.

    Args:
        classifier: a timm model's name.
        num_classes: K.
        image_size: side of the square images in pixels.
        settings: epochs, optimiser, augmentation.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16`: what autocast computes in.
        seed: decides initial weights, order and augmentation.
    """

    def __init__(
        self,
        classifier: str = DEFAULT_CLASSIFIER,
        *,
        num_classes: int,
        image_size: int,
        settings: TrainSettings | None = None,
        device: str = "auto",
        precision: str = "auto",
        seed: int = 0,
    ) -> None:
        self.settings = settings or TrainSettings()
        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        if self.dtype is torch.float16:
            raise InputError("training in fp16 needs loss scaling: use precision 'bf16' or 'fp32'")
        self.num_classes = num_classes
        self.seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = create_classifier(classifier, num_classes, image_size)
        self._model = to_channels_last(model, self.device)
        self._average: ModelEmaV3 | None = None

    @property
    def model(self) -> nn.Module:
        """The classifier to use: the weights' moving average once trained, if there is one."""
        if self._average is None:
            return self._model
        averaged: nn.Module = self._average.module
        return averaged

    def fit(
        self,
        images: Tensor | ImagePool,
        labels: Tensor | None = None,
        on_epoch: Callable[[EpochReport], None] | None = None,
    ) -> list[EpochReport]:
        """Train on a pool, or on uint8 images `[N, S, S, 3]` and labels int64 `[N]`."""
        pool = images if isinstance(images, ImagePool) else self._pool(images, labels)
        if len(pool) < 2:
            raise InputError(f"{len(pool)} images cannot be trained on: give at least 2")
        settings = self.settings
        steps = settings.epochs * math.ceil(len(pool) / settings.batch_size)
        optimizer = self._optimizer()
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._learning_rate(steps))
        if settings.ema_decay:
            self._average = ModelEmaV3(self._model, decay=settings.ema_decay, use_warmup=True)
        generator = torch.Generator(self.device).manual_seed(self.seed)
        reports = []
        step = 0
        for epoch in range(1, settings.epochs + 1):
            self._model.train()
            # Sums stay on the device: reading them in the loop would wait for every step.
            loss_sum = torch.zeros((), device=self.device)
            correct = torch.zeros((), device=self.device)
            for batch, targets in pool.batches(settings.batch_size, generator):
                loss, hits = self._step(
                    augment(batch, settings.augment, generator), targets, optimizer
                )
                schedule.step()
                step += 1
                if self._average is not None:
                    self._average.update(self._model, step=step)
                loss_sum += loss * len(targets)
                correct += hits
            means = (loss_sum.item() / len(pool), correct.item() / len(pool))
            reports.append(EpochReport(epoch, settings.epochs, *means))
            if on_epoch is not None:
                on_epoch(reports[-1])
        self.model.eval()
        return reports

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities, float32 `[N, K]` on the CPU, of uint8 images `[N, S, S, 3]`."""
        return predict(self.model, images, self.device)

    def evaluate(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Test on uint8 images `[N, S, S, 3]` with labels int64 `[N]`."""
        return evaluate(self.model, images, labels, self.num_classes, self.device)

    def _pool(self, images: Tensor, labels: Tensor | None) -> ImagePool:
        if labels is None:
            raise InputError("images came without labels: give one label for each image")
        return ImagePool.of(images, labels, self.device)

    def _step(
        self, inputs: Tensor, targets: Tensor, optimizer: torch.optim.Optimizer
    ) -> tuple[Tensor, Tensor]:
        """One update; gives the loss and the number of hits as device scalars."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            logits = self._model(inputs)
        loss = F.cross_entropy(
            logits.float(), targets, label_smoothing=self.settings.label_smoothing
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach(), (logits.argmax(1) == targets).sum()

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = self.settings
        # Norms and biases are not decayed, as timm does by default.
        decayed = [p for p in self._model.parameters() if p.ndim > 1]
        plain = [p for p in self._model.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        if settings.optimizer == "sgd":
            return torch.optim.SGD(
                groups, lr=settings.learning_rate, momentum=settings.momentum, nesterov=True
            )
        return torch.optim.AdamW(groups, lr=settings.learning_rate)

    def _learning_rate(self, steps: int) -> Callable[[int], float]:
        """Linear warm-up, then a cosine to zero, as factors of the peak."""
        warmup = round(self.settings.warmup * steps)

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

        return factor
