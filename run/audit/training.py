"""What a small classifier that is trained on a candidate's images reaches on real ones."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ...data import LabelledImages
from ...train import Trainer, TrainSettings
from .settings import AuditSettings


def accuracies(
    images: Tensor,
    labels: Tensor,
    real: LabelledImages,
    settings: AuditSettings,
    on_epoch: Callable[[], None],
) -> tuple[float, ...]:
    """Accuracy on `real` for each training seed; images are uint8 `[N, S, S, 3]`.

    `on_epoch` is called at the end of each pass over the images.
    """
    found = []
    for number in range(settings.training_seeds):
        trainer = Trainer(
            settings.classifier,
            num_classes=len(real.classes),
            image_size=images.shape[1],
            settings=TrainSettings(epochs=settings.epochs),
            device=settings.device,
            seed=settings.seed + number,
        )
        trainer.fit(images, labels, lambda report: on_epoch())
        found.append(trainer.evaluate(real.images, real.labels).accuracy)
    return tuple(found)
