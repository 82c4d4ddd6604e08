"""The parts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..base.ranks import Ranks
from ..data import LabelledImages
from ..generate import ClassName, DataParallelGenerator, Generator, Recipe, SampleSpec
from ..generate.plan.classes import slug
from ..generate.plan.content import recipe_content
from ..train import Feed, ImagePool, Trainer
from .budget.clock import GenerationClock
from .decide.decider import Decider
from .settings import RunSettings
from .stored.images import StoredImages

Source = Generator | DataParallelGenerator | StoredImages
"""What gives a run's images."""


@dataclass(frozen=True)
class Parts:
    """What a run consists of."""

    settings: RunSettings
    """As given, but for what tuning and free memory came to: so a resumed run does the same."""
    ranks: Ranks
    classes: tuple[ClassName, ...]
    recipe: Recipe | None
    """None where the images are a dataset's."""
    plan: Sequence[SampleSpec]
    trainer: Trainer
    test: LabelledImages | None
    """Real images; None where there are none."""
    decider: Decider | None
    """Decides on those by how far classes are from each other; None where it is not asked for."""
    unlabelled: Tensor | None
    """Real images to re-estimate BatchNorm on, uint8 `[N, S, S, 3]`."""
    pool: ImagePool
    source: Source
    feed: Feed
    clock: GenerationClock | None
    """Says when generation is to end, where there is a time budget."""
    seconds: float
    """What making all this took, but for reading real images."""
    reading_seconds: float
    """What reading the real images of the test took."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in label order."""
        return tuple(item.name for item in self.classes)

    @property
    def image_size(self) -> int:
        """Side in pixels of what the classifier sees."""
        return self.trainer.image_size

    @property
    def planned(self) -> int:
        """How many images are to be generated, or read."""
        return sum(self.feed.blocks)

    @property
    def stage(self) -> str:
        """What happens to images before training, in a word."""
        return stage_of(self.settings)

    @property
    def origin(self) -> dict[str, Any]:
        """What the images come from, to tell whether it is still the same."""
        if isinstance(self.source, StoredImages):
            return self.source.identity
        return {} if self.recipe is None else recipe_content(self.recipe)

    @property
    def slug(self) -> str:
        """What a new run's folder is called after."""
        name = Path(self.settings.images or "").stem if self.recipe is None else self.recipe.name
        return slug(name) or "run"

    def close(self) -> None:
        """End the thread and the processes that generate, if there are any."""
        self.feed.close()
        if isinstance(self.source, DataParallelGenerator):
            self.source.close()


def stage_of(settings: RunSettings) -> str:
    """What happens to images before training, in a word."""
    return "generate" if settings.images is None else "read"
