"""How classes are decided on. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import option, section
from ...data.settings import ReadSettings

BY_TEXTS = "text"
"""The label metric that an encoder gives."""
NEIGHBOURS = 10


@dataclass(frozen=True)
class MetricSettings:
    """How far classes are from each other."""

    label_metric: str | None = option(None, shown="none: the likeliest class")
    """Decide by how far classes are from each other: a JSON file with a tree of their names, whose
    further leaves may be predicted too, or 'text', by what an encoder makes of the names."""
    encoder: str | None = option(None, shown="embedded, for the embedded classes")
    """The dual encoder of --label-metric text: a folder that transformers or open_clip saved, a hub
    id, or embedded."""


@dataclass(frozen=True)
class DecideSettings(MetricSettings):
    """What takes the place of the likeliest class of each image.

    Raises `InputError` for values out of range, and for those that need another.
    """

    transductive: bool = False
    """Decide on all images together: spread the classifier's probabilities over a graph of
    neighbours by its own features."""
    neighbours: int | None = option(None, shown=str(NEIGHBOURS))
    """How many neighbours each image has in the graph of --transductive."""
    balanced: bool = False
    """Decide on all images together, on the assumption that each class has as many as another."""

    def __post_init__(self) -> None:
        if self.encoder is not None and self.label_metric != BY_TEXTS:
            raise InputError(
                f"encoder {self.encoder!r} was given, and no label metric that needs one: add "
                f"--label-metric {BY_TEXTS}, or leave it out"
            )
        if self.neighbours is not None and not self.transductive:
            raise InputError(
                f"neighbours is {self.neighbours}, and nothing uses a graph: add --transductive, "
                "or leave it out"
            )
        if self.neighbours is not None and self.neighbours < 1:
            raise InputError(f"neighbours is {self.neighbours}: at least 1 is needed")

    @property
    def is_joint(self) -> bool:
        """Whether the class of an image depends on the other images."""
        return self.transductive or self.balanced


@dataclass(frozen=True)
class EvaluateSettings:
    """How a classifier is tested on real images."""

    decide: DecideSettings = section(DecideSettings, panel="Deciding")
    reading: ReadSettings = section(ReadSettings, panel="Reading images")
