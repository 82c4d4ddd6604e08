"""The work that contenders share: the same images of the same model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...generate import SamplePlan, SampleSpec, load_recipe, parse_classes
from ...run import RunSettings

_SCALES = {"on": 7.5, "off": 1.0}


@dataclass(frozen=True)
class GenerationJob:
    """What every contender generates."""

    folder: Path
    generate_size: tuple[int, int]
    """Height and width in pixels at which images are generated."""
    images: int
    steps: int
    scheduler: str | None
    """A `diffusers` class; the folder's own by default."""
    guidance: str
    """`on` (7.5 for all), `off` (1 for all), or `recipe`, which may differ from image to image."""
    recipe: str
    device: str
    cache: Path

    def specs(self) -> list[SampleSpec]:
        """The images, of the embedded model's classes."""
        classes = parse_classes(RunSettings().classes)
        specs = SamplePlan(load_recipe(self.recipe), classes, self.images)[: self.images]
        if self.guidance == "recipe":
            return specs
        return [replace(spec, guidance=_SCALES[self.guidance]) for spec in specs]
