"""What candidates are measured with: encoder, real images, and what is known of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ...base import resolve_device
from ...data import LabelledImages, load_real_images
from ...data.source import load_unlabelled
from ...encoders import DualEncoder, RealVectors, embed_in_blocks, load_encoder, vendi_within
from ...generate import ClassName, SamplePlan
from ...generate.plan.classes import prompt_aliases
from .agreement import PLAIN, Agreeing, Agreement, agreement, suspicions, wordings
from .figures import CandidateFigures
from .images import CandidateImages
from .settings import AuditSettings


@dataclass(frozen=True)
class Yardsticks:
    """Everything that is the same for all candidates."""

    settings: AuditSettings
    classes: tuple[ClassName, ...]
    encoder: DualEncoder
    agreeing: Agreeing
    reference: RealVectors | None
    real_agreement: Agreement | None

    @cached_property
    def _validation(self) -> dict[int, LabelledImages]:
        return {}

    def validation(self, side: int) -> LabelledImages | None:
        """The labelled real images at `side` pixels; None without any."""
        if self.settings.data is None:
            return None
        if side not in self._validation:
            self._validation[side] = _labelled(self.settings, self.classes, side)
        return self._validation[side]

    @property
    def validation_images(self) -> int:
        """How many labelled real images classifiers were tested on so far."""
        return max((len(real.labels) for real in self._validation.values()), default=0)

    def vectors(self, images: Tensor) -> Tensor:
        """Unit vectors `[N, D]` of uint8 images `[N, S, S, 3]`."""
        return embed_in_blocks(self.encoder, images)

    def figures(
        self, name: str, found: CandidateImages, vectors: Tensor, plan: SamplePlan | None
    ) -> CandidateFigures:
        """What there is to say of a candidate, but for its rank and what a classifier makes of it.

        `plan` is that of its images; None of a dataset.
        """
        told, guidance = [PLAIN] * len(vectors), list[float]()
        if plan is not None:
            known, specs = wordings(plan), [plan[place] for place in found.places.tolist()]
            told = [known.get(spec.prompt, PLAIN) for spec in specs]
            guidance = [spec.guidance for spec in specs]
        names = [item.name for item in self.classes]
        labels = self.agreeing.labels(vectors, told)
        agreed = agreement(labels, found.labels, len(names), told, guidance)
        return CandidateFigures(
            name,
            len(vectors),
            len(vectors) if plan is None else len(plan),
            found.per_second,
            agreed,
            vendi_within(vectors, found.labels.to(vectors.device)),
            None if self.reference is None else self.reference.nearness(vectors),
            None,
            (),
            suspicions(agreed, names, self.real_agreement),
        )


def make_yardsticks(settings: AuditSettings, classes: tuple[ClassName, ...]) -> Yardsticks:
    """Load the encoder, and real images where some were given.

    Raises `InputError` for what cannot be used, and for fewer real images than have neighbours.
    """
    encoder = load_encoder(settings.encoder_name, resolve_device(settings.device))
    agreeing, side = Agreeing(encoder, classes), encoder.image_size
    real_agreement = vectors = None
    if settings.data is not None:
        real = _labelled(settings, classes, side)
        vectors = embed_in_blocks(encoder, real.images)
        told = [PLAIN] * len(vectors)
        labels = agreeing.labels(vectors, told)
        real_agreement = agreement(labels, real.labels, len(classes), told)
    if settings.reference is not None:
        unlabelled = load_unlabelled(settings.reference, side, settings.reading)
        vectors = embed_in_blocks(encoder, unlabelled)
    reference = None if vectors is None else RealVectors(vectors, settings.neighbours)
    return Yardsticks(settings, classes, encoder, agreeing, reference, real_agreement)


def _labelled(settings: AuditSettings, classes: Sequence[ClassName], side: int) -> LabelledImages:
    assert settings.data is not None
    names = [item.name for item in classes]
    return load_real_images(settings.data, names, side, prompt_aliases(classes), settings.reading)
