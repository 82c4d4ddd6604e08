"""What decides how the peers generate and train. Free of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import option


@dataclass(frozen=True)
class PeerSettings:
    """The usual way: diffusers' pipeline, PNG files, torchvision's loader, a plain loop of timm's.

    Raises `InputError` for numbers out of range.
    """

    recipe: str = "base"
    """Of prompts and guidance: a shipped recipe's name or a file."""
    steps: int = 12
    """Denoising steps for each image; the scheduler is the model's own."""
    batch_size: int | None = option(None, shown="the fastest")
    """Prompts of a call of the pipeline."""
    channels_last: bool | None = option(None, shown="the faster")
    """Whether UNet and VAE are channels-last, as diffusers' guide recommends."""
    compile: bool = False
    """Whether UNet and VAE decoder are compiled, in every run anew."""
    workers: int | None = option(None, shown="the fastest")
    """Processes of the loader."""
    epochs: int = 16
    """How often each image is trained on."""
    train_batch_size: int = 64
    """Images of a batch of training."""
    learning_rate: float = 4e-3
    """Peak of the schedule."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "epochs", "train_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"workers is {self.workers}: at least 0 is needed")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}: it must be above 0")
