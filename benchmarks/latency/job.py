"""What every process of the latency benchmark generates, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from ...assets.embedded import EMBEDDED_CLASSES
from ...base import InputError
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...generate.settings import GenerateSettings

_IMAGES_PER_CLASS = 10**6  # more than anybody asks for: specs are made when they are needed


@dataclass(frozen=True)
class LatencyJob:
    """A model and its generator's settings."""

    settings: GenerateSettings
    device: str
    recipe: str
    known_prompts: bool = False
    """Whether text embeddings are kept from batch to batch."""

    def plan(self) -> SamplePlan:
        """All images that there might be."""
        classes = parse_classes(EMBEDDED_CLASSES)
        return SamplePlan(load_recipe(self.recipe), classes, _IMAGES_PER_CLASS)

    def specs(self, images: int) -> list[SampleSpec]:
        """The first images that are all with guidance or all without, as those of a batch are."""
        plan = self.plan()
        guided = plan[0].guidance > 1
        return list(islice((spec for spec in plan if (spec.guidance > 1) == guided), images))

    def generator(self) -> Generator:
        """Load the model; may measure what is left open, which is remembered."""
        return Generator(self.settings, device=self.device, guided=self.plan().recipe.guided)

    def settled(self, found: dict[str, object], batch_size: int | None = None) -> LatencyJob:
        """The job with nothing left open: as `found`, in batches of that or another size."""
        settings = replace(self.settings, **found, tune="off")  # type: ignore[arg-type]
        if batch_size is not None:
            vae = self.settings.vae_batch_size or min(batch_size, settings.vae_batch_size or 1)
            settings = replace(settings, batch_size=batch_size, vae_batch_size=vae)
        return replace(self, settings=settings)


def check_batch(wanted: int, served: int) -> None:
    """Raise `InputError` where a generator went on with less than the batch that was wanted."""
    if served < wanted:
        raise InputError(
            f"a batch of {wanted} images does not fit into the memory: give --batch-size {served} "
            "or less"
        )
