"""What probing a classifier came to, as the page, `probe.json` and the command's tables tell it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CorruptionFigures:
    """A corruption at five severities."""

    name: str
    family: str
    accuracies: tuple[float, ...]
    """At severities 1 to 5."""
    accuracy: float
    """Their mean."""
    lost: float
    """How far that is below the accuracy on the images as they are."""
    per_class: tuple[float | None, ...]
    """The mean over severities for the images of each class; None without an image."""


@dataclass(frozen=True)
class ChangeFigures:
    """A shift, a size or a JPEG quality."""

    kind: str
    level: int
    """Pixels that images are shifted by, their side, or the quality."""
    accuracy: float
    changed: float
    """The share of the images that get another class than as they are."""


@dataclass(frozen=True)
class MarkedClass:
    """Images of a class with a mark pasted in."""

    class_name: str
    images: int
    changed: float | None
    """The share that gets another class than without it; None without an image."""
    taken_for: str | None
    """The class that most of these get; None where there are none."""
    share: float | None
    """The share of the class's images that gets it only then."""


@dataclass(frozen=True)
class MarkFigures:
    """A mark pasted into a corner of every image."""

    name: str
    accuracy: float
    changed: float
    per_class: tuple[MarkedClass, ...]


@dataclass(frozen=True)
class Pair:
    """Images of a class that are taken for another, as they are."""

    true: str
    predicted: str
    images: int
    share: float
    """Of the class's images."""
    examples: tuple[int, ...]
    """Places among the images, those with the most probability of the wrong class first."""


@dataclass(frozen=True)
class Near:
    """An image near the boundary between two classes."""

    place: int
    """Among the images."""
    true: str
    first: str
    """The likeliest class, and the next."""
    second: str
    margin: float
    """By how much the first is likelier."""


@dataclass(frozen=True)
class Advice:
    """A weakness, and what mends it, where something is known to."""

    weakness: str
    remedy: str | None


@dataclass(frozen=True)
class Means:
    """Accuracies of a classifier before or after it is fine-tuned."""

    clean: float
    corrupted: float
    """The mean over all corruptions and severities."""
    trained_on: float
    """Over those that were trained on."""
    held_out: float | None
    """Over those that were held out; None where none were."""
    others: float | None
    """Over those that hurt too little to be trained on; None where there are none."""


@dataclass(frozen=True)
class Robustified:
    """How a run was fine-tuned on corruptions, and what that came to."""

    origin: str
    """The folder of the run before."""
    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]
    images: int
    """Trained on, corrupted copies among them."""
    epochs: int
    learning_rate: float
    before: Means
    after: Means
    accuracies_before: tuple[float, ...]
    """Of each corruption, in the order of the report."""
    seconds: float
    """What corrupting and training took."""


@dataclass(frozen=True)
class ProbeReport:
    """A classifier's weaknesses."""

    name: str
    """Of the run, or of the file."""
    created: str
    zeroreal: str
    command: str
    classes: tuple[str, ...]
    image_size: int
    source: str
    """What the images are."""
    is_real: bool
    """Whether they are photographs that somebody labelled; otherwise they were generated."""
    images: int
    planned: int
    """How many images were to be probed with; an interruption leaves fewer."""
    accuracy: float
    """On the images as they are."""
    interval: tuple[float, float]
    """95 % interval of that."""
    per_class: tuple[float | None, ...]
    severities: str
    """Whose parameters the corruptions have: CIFAR-10-C's or ImageNet-C's."""
    corrupted_accuracy: float
    """The mean over corruptions and severities: 1 - the mean corruption error, which is not divided
    by another classifier's."""
    corruptions: tuple[CorruptionFigures, ...]
    changes: tuple[ChangeFigures, ...]
    marks: tuple[MarkFigures, ...]
    pairs: tuple[Pair, ...]
    near: tuple[Near, ...]
    advice: tuple[Advice, ...]
    settings: dict[str, Any]
    environment: dict[str, Any]
    seconds: float
    robustified: Robustified | None = None
    """None of a run that was not fine-tuned here."""

    def text(self) -> str:
        """The text of `probe.json`."""
        content = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{content}\n"
