"""What decides a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.errors import InputError, unknown

OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True)
class AugmentSettings:
    """Random changes that each image gets anew in each epoch."""

    flip: bool = True
    """Mirror half of the images."""
    shift: float = 0.07
    """Largest shift, as a share of the side."""
    scale: float = 0.1
    """Largest zoom in or out, as a share of the size."""
    rotate: float = 0.0
    """Largest rotation in degrees."""
    brightness: float = 0.1
    """Largest change of brightness, as a share of the full range."""
    contrast: float = 0.2
    """Largest change of contrast, as a share."""
    erase: float = 0.0
    """Share of images of which a random rectangle is greyed (arXiv 1708.04896)."""


@dataclass(frozen=True)
class TrainSettings:
    """How a classifier is trained."""

    epochs: int = 16
    batch_size: int = 64
    optimizer: str = "adamw"
    learning_rate: float = 4e-3
    """Peak of a cosine schedule with linear warm-up."""
    warmup: float = 0.1
    """Share of all steps in which the learning rate rises."""
    weight_decay: float = 0.05
    momentum: float = 0.9
    """Nesterov momentum of SGD."""
    label_smoothing: float = 0.1
    ema_decay: float = 0.99
    """Decay of the moving average of the weights, which is what is tested and saved; 0: none."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: at least 1 is needed")
        if self.learning_rate <= 0:
            raise InputError(f"learning rate is {self.learning_rate}: it must be above 0")
        for name in ("warmup", "label_smoothing", "ema_decay"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: it must be in [0, 1)")
