"""What the benchmarks of training are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.settings import option


@dataclass(frozen=True)
class TrainingSettings:
    """What is trained, and how often."""

    cases: tuple[str, ...] = option((), is_argument=True, shown="those for the type of device")
    """cached-32, cached-64, cached-224, timm-64, timm-224."""
    batch_size: int = 64
    """Images of a batch."""
    batches: int = 16
    """Batches of a round."""
    precision: str = "auto"
    """What training computes in: auto, fp32 or bf16."""
    compile: bool = False
    """Compile the classifier: ours, from the pool and from the cached batch, not timm's."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    rounds: int = 7
    """How often each contender trains on all images."""

    @property
    def images(self) -> int:
        """Number of images in memory, and in each round."""
        return self.batch_size * self.batches


@dataclass(frozen=True)
class SharingSettings:
    """What is generated and trained, and how often."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    classifier: str = "resnet18"
    """A timm model's name."""
    images_per_class: int = 1000
    """Generated of every class of the embedded model."""
    blocks: int = 8
    """Number of blocks in which the images arrive."""
    batch_size: int = 256
    """Images of a batch of training."""
    rounds: int = 5
    """How often each part and each way of sharing takes its turn."""
