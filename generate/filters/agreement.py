"""Agreement: whether a dual encoder sees an image's class in it, given the image's own domain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from ...base.errors import InputError
from ...base.transfer import to_device
from ...encoders import DualEncoder
from ..plan.attributes import attributes_by_label
from ..plan.classes import ClassName
from ..plan.recipe import Recipe
from ..plan.samples import SampleSpec, template_of
from .filter import ImageFilter, Verdict
from .settings import check_least_agreement

_Kind = tuple[str, str, str, str]
"""Template, language, domain and attribute."""


class AgreementFilter(ImageFilter):
    """Rejects images of whose class a dual encoder is not sure enough.

    The texts that an image is compared with are its own prompt and what that is of every other
    class: a sketch of a cat is told from sketches of other classes, not from photos of cats. So it
    is, too, where classes have attributes of their own, the text of another class having that of
    the image, which is not one of its own: a fluffy cat is told from a fluffy dog. Beside a wet
    dog, an image of a fluffy dog would pass for one. The texts are then as many as all attributes,
    times the domains, times N.

    Args:
        encoder: what embeds images and texts.
        recipe: what the samples come from; the texts of all its domains are embedded at once.
        classes: N, in label order.
        least: probability of its own class with which an image is kept; None: 1/N, which is what
            an encoder that sees no difference gives each.

    Raises `InputError` for a recipe with prompts of a file, which are of their class alone, and for
    a probability that is not above 0 and below 1.
    """

    reason = "disagreement"

    def __init__(
        self,
        encoder: DualEncoder,
        recipe: Recipe,
        classes: Sequence[ClassName],
        least: float | None = None,
    ) -> None:
        self._encoder = encoder
        self._least = 1 / len(classes) if least is None else check_least_agreement(least)
        kinds = _kinds(recipe, classes)
        self._rows = {kind: row for row, kind in enumerate(kinds)}
        texts = [text for of_classes in kinds.values() for text in of_classes]
        self._texts = encoder.embed_texts(texts)  # [K * N, D]

    def __call__(self, images: Tensor, specs: Sequence[SampleSpec]) -> Verdict:
        """Keep what is likely enough; the score is the probability of the image's own class."""
        rows = torch.tensor([self._row(spec) for spec in specs])
        labels = torch.tensor([spec.label for spec in specs])
        vectors = self._encoder.embed_images(images)  # [B, D]
        # The encoder's bias, the same for all classes, plays no part.
        logits = self._encoder.scale * (vectors @ self._texts.T)  # [B, K * N]
        of_all = logits.unflatten(1, (len(self._rows), -1))  # [B, K, N]
        rows, labels = (to_device(one, of_all.device) for one in (rows, labels))
        each = torch.arange(len(specs), device=of_all.device)
        score = of_all[each, rows].softmax(1)[each, labels]
        return Verdict(score >= self._least, score)

    def _row(self, spec: SampleSpec) -> int:
        row = self._rows.get((spec.template, spec.language, spec.domain, spec.attribute))
        if row is None:
            raise InputError(
                f"prompt {spec.prompt!r} of image {spec.index} is of another recipe than the "
                "filter's: make the filter with the recipe of the images"
            )
        return row


def _kinds(recipe: Recipe, classes: Sequence[ClassName]) -> dict[_Kind, list[str]]:
    """What prompts of a recipe have in common, with the prompt of each class."""
    kinds: dict[_Kind, list[str]] = {}
    for leaf in recipe.leaves:
        if leaf.file is not None:
            raise InputError(
                f"prompts of file {leaf.file.path!r} are of one class each, so that nothing says "
                "what they would be of another: leave --encoder out, or give a recipe with a "
                "template"
            )
        template = template_of(leaf, classes)
        of_classes = attributes_by_label(leaf.attributes, leaf.name, classes)
        attributes = dict.fromkeys(one for own in of_classes for one in own)
        for domain, attribute in product(leaf.domains or ("",), attributes or ("",)):
            kind = (leaf.prompt, leaf.language, domain, attribute)
            texts = [
                template.text(label, domain, attribute).prompt for label in range(len(classes))
            ]
            if kinds.setdefault(kind, texts) != texts:
                raise InputError(
                    f"template {leaf.prompt!r} is in recipe {recipe.name!r} twice, with other "
                    "names of the classes, so that nothing tells its images apart: leave --encoder "
                    "out, or give each its own language"
                )
    return kinds
