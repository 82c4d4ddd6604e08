"""Classifying images by their likeness to class names, without training (arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..base.articles import with_articles
from ..base.errors import InputError
from .dual_encoder import DualEncoder
from .settings import TEMPLATES

_FIELD = "{class}"


def class_weights(
    encoder: DualEncoder, classes: Sequence[str], templates: Sequence[str] = TEMPLATES
) -> Tensor:
    """A unit vector for each class, float32 `[K, D]`: the mean over templates, normalised again.

    Args:
        encoder: what embeds the texts.
        classes: what each class is called in the templates.
        templates: sentences with `{class}` in the class's place; "a {class}" has the right article.

    Raises `InputError` for a template without `{class}` or with another field.
    """
    check_templates(templates)
    texts = [with_articles(template, {"class": name}) for template in templates for name in classes]
    each = encoder.embed_texts(texts).view(len(templates), len(classes), -1)
    return F.normalize(each.mean(0), dim=1)


def check_templates(templates: Sequence[str]) -> None:
    """Raise `InputError` for a template that is not of the class alone, and for none at all."""
    if not templates:
        raise InputError(f"there is no template: give one such as {TEMPLATES[0]!r}")
    for template in templates:
        rest = template.replace(_FIELD, "")
        if rest == template or "{" in rest or "}" in rest:
            raise InputError(
                f"template {template!r} has to have {_FIELD} in it and no other field: give such "
                f"as {TEMPLATES[0]!r}"
            )


class ZeroShotClassifier:
    """Classifies images by the class whose texts they are most like.

    Args:
        encoder: what embeds images and texts.
        classes: what each class is called in the templates.
        templates: as `class_weights` takes them.

    Raises `InputError` for a template without `{class}` or with another field.
    """

    def __init__(
        self, encoder: DualEncoder, classes: Sequence[str], templates: Sequence[str] = TEMPLATES
    ) -> None:
        self.encoder = encoder
        self.weights = class_weights(encoder, classes, templates)  # [K, D]

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes, float32 `[N, K]`, given that exactly one is right.

        Images are uint8 `[N, H, W, 3]` on the encoder's device. The encoder's bias, the same for
        all classes, plays no part.
        """
        return self.logits(images).softmax(1)

    def logits(self, images: Tensor) -> Tensor:
        """What each class's likeness comes to by the encoder's scale and bias, float32 `[N, K]`."""
        cosines = self.encoder.embed_images(images) @ self.weights.T
        return self.encoder.scale * cosines + self.encoder.bias

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities as the encoder was trained to give them, float32 `[N, K]`.

        Of each class by itself, by a sigmoid, or of all together, by a softmax.
        """
        return logits.sigmoid() if self.encoder.is_sigmoid else logits.softmax(1)
