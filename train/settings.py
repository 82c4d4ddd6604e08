"""What decides how a classifier is trained. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..base.errors import InputError, unknown
from ..base.settings import option, section
from ..base.sizes import optional_size, parse_size
from ..kernels import AugmentRanges

OPTIMIZERS = ("adamw", "sgd", "lamb")
SCHEDULES = ("cosine", "linear")
LOSSES = ("cross-entropy", "binary")
POLICIES = ("keep", "oldest", "most-replayed")
"""What happens when the pool is full: nothing more is generated, or the images that came first, or
those trained on most, make room."""
SHARING_MODES = ("auto", "alternate", "overlap", "partition")
"""How generating and training share a device; see `Feed`."""
GAP = "Between synthetic and real images"

AUGMENTATIONS: Mapping[str, AugmentRanges] = {
    "none": AugmentRanges(),
    "default": AugmentRanges(
        flip=0.5, shift=0.07, zoom=0.1, brightness=0.1, contrast=0.2, erase=0.5
    ),
    "strong": AugmentRanges(
        area=(0.5, 1.0),
        aspect=(0.75, 1.3333),
        flip=0.5,
        shift=0.07,
        rotate=10,
        brightness=0.3,
        contrast=0.4,
        saturation=0.4,
        erase=0.25,
    ),
}
"""By name. `default` mirrors, shifts and zooms a little, changes light, and erases a part of every
second image; `strong` crops, turns and changes colours as well."""

FORMER_SETTINGS: Mapping[str, float] = {"least_map": 4, "plain_share": 0.0}
"""What trainings had before these were settings, by which they go on."""

BEST_QUALITY = 95
"""The highest JPEG quality that is drawn."""


def augmentation(name: str) -> AugmentRanges:
    """One of `AUGMENTATIONS`; `InputError` for another name."""
    if name not in AUGMENTATIONS:
        raise unknown("augmentation", name, AUGMENTATIONS)
    return AUGMENTATIONS[name]


@dataclass(frozen=True)
class DegradeRanges:
    """How far images are degraded. By default they are not."""

    resolution: int | None = option(None, flag="--degrade-to", shown="as generated")
    """Side in pixels to which images are shrunk, antialiased, before they are enlarged again: the
    target camera's. Smaller images stay as they are."""
    blur: float = 0.0
    """Largest standard deviation of a Gaussian blur, in pixels."""
    noise: float = 0.0
    """Largest standard deviation of Gaussian noise, as a share of the full range."""
    jpeg: int | None = None
    """Lowest JPEG quality, 1 to 95; 95 is the highest drawn."""

    def __post_init__(self) -> None:
        if self.resolution is not None and self.resolution < 1:
            raise InputError(
                f"resolution to degrade to is {self.resolution}: give a side of at least 1 pixel"
            )
        if not 0 <= self.blur < math.inf:
            raise InputError(
                f"blur is {self.blur}: give a standard deviation of 0 or more, in pixels"
            )
        if not 0 <= self.noise <= 1:
            raise InputError(f"noise is {self.noise}: give a share of the full range, 0 to 1")
        if self.jpeg is not None and not 1 <= self.jpeg <= BEST_QUALITY:
            raise InputError(
                f"JPEG quality is {self.jpeg}: give the lowest wanted, 1 to {BEST_QUALITY}"
            )

    @property
    def active(self) -> bool:
        """Whether anything is asked for."""
        return self != DegradeRanges()


@dataclass(frozen=True)
class TrainSettings:
    """How a classifier is built and trained."""

    least_map: int = 2
    """Least side of the classifier's last feature map: for small images it halves their
    resolution less often. 4 is ResNet's CIFAR form, at twice the time."""
    epochs: int = 16
    """How often each image is trained on, on average: the replay ratio at the end."""
    batch_size: int = option(64, flag="--train-batch-size")
    """Images of a batch."""
    accumulate: int = 1
    """Batches whose gradients are added up for one update."""
    optimizer: str = "adamw"
    """adamw, sgd or lamb."""
    learning_rate: float = 4e-3
    """Peak of the schedule, after a linear warm-up."""
    schedule: str = "cosine"
    """How the learning rate falls to zero: cosine or linear."""
    warmup: float = 0.1
    """Share of all updates in which the learning rate rises."""
    weight_decay: float = 0.05
    """Decay of the weights, not of biases and norms."""
    momentum: float = 0.9
    """Nesterov momentum of SGD."""
    clip_grad: float = 0.0
    """Largest norm of the gradients, which are scaled down to it; 0 for none."""
    loss: str = "cross-entropy"
    """cross-entropy, or binary for each class on its own (arXiv 2110.00476)."""
    label_smoothing: float = 0.1
    """Share of each target that is spread over all classes."""
    mixup: float = 0.0
    """Alpha of mixup (arXiv 1710.09412); 0 for none."""
    cutmix: float = 0.0
    """Alpha of CutMix (arXiv 1905.04899); 0 for none."""
    ema_decay: float = 0.99
    """Decay of the moving average of the weights, which is what is tested and saved; 0 for
    none. Early on it decays faster: by 1 - n^(-2/3) after n updates."""
    balanced: bool = False
    """Draw as many images of each class, however many there are."""
    max_replay: float | None = option(None, shown="as many as epochs need")
    """Most samples trained on for each image generated."""
    feature_samples: int = 0
    """Features drawn of each class, after training, from Gaussians of its images' features, on
    which the last layer alone is trained on (arXiv 2101.06395); 0 for none."""
    compile: bool = False
    """Compile the classifier's forward and backward passes."""
    augment: AugmentRanges = option(
        AUGMENTATIONS["default"], flag="--augmentation", read=augmentation, shown="default"
    )
    """Random changes that each image gets anew each time: none, default or strong."""
    plain_share: float = 0.25
    """Share of training, its last epochs, on images without those changes: as they are tested."""
    degrade: DegradeRanges = section(DegradeRanges, panel=GAP)
    """Degradation to what the camera of the real images does; none by default."""

    def __post_init__(self) -> None:
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("loss", LOSSES),
        ):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        for name in ("least_map", "epochs", "batch_size", "accumulate"):
            value = getattr(self, name)
            if value < 1:
                raise InputError(f"{_words(name)} is {value}: at least 1 is needed")
        # Comparisons with NaN are false.
        for name in ("learning_rate", "max_replay"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{_words(name)} is {value}: it must be above 0")
        for name in ("weight_decay", "clip_grad", "mixup", "cutmix", "feature_samples"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"{_words(name)} is {value}: it must be 0 or more")
        for name in ("warmup", "momentum", "label_smoothing", "ema_decay", "plain_share"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise InputError(f"{_words(name)} is {value}: it must be in [0, 1)")


@dataclass(frozen=True)
class PoolSettings:
    """How images wait for training, and how that shares a device with generating them.

    Raises `InputError` for values out of range.
    """

    blocks: int = 8
    """Images arrive in so many blocks; training begins when the first is there."""
    memory: int | None = option(
        None, flag="--pool", read=optional_size, shown="a quarter of what is free"
    )
    """Memory of the device for images, such as 8GiB."""
    spill: int | None = option(None, read=parse_size)
    """Host memory for images that do not fit into that, such as 16GiB."""
    policy: str = option("oldest", flag="--pool-policy")
    """When it is full: keep what is there, or replace the oldest or most-replayed images."""
    sharing: str = "auto"
    """Generate and train in turn or at once: auto, alternate, overlap or partition."""

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise InputError(f"blocks is {self.blocks}: at least 1 is needed")
        if self.policy not in POLICIES:
            raise unknown("pool policy", self.policy, POLICIES)
        if self.sharing not in SHARING_MODES:
            raise unknown("sharing mode", self.sharing, SHARING_MODES)
        for name in ("memory", "spill"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: at least 1 byte is needed")


def _words(name: str) -> str:
    return name.replace("_", " ")
