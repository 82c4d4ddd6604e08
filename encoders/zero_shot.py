"""Classifying images by their likeness to class names, without training (arXiv 2103.00020)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.articles import with_articles
from ..base.errors import InputError
from .dual_encoder import DualEncoder
from .settings import TEMPLATES

_FIELD = "{class}"


def class_weights(
    encoder: DualEncoder,
    classes: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
    weights: Sequence[float] | None = None,
) -> Tensor:
    """A unit vector for each class, float32 `[K, D]`: the mean over templates, normalised again.

    Args:
        encoder: what embeds the texts.
        classes: what each class is called in the templates.
        templates: sentences with `{class}` in the class's place; "a {class}" has the right article.
        weights: of the templates in the mean; None: all the same.

    Raises `InputError` for a template without `{class}` or with another field, and for weights that
    are none.
    """
    texts = [text for of_template in texts_of(classes, templates) for text in of_template]
    each = encoder.embed_texts(texts).view(len(templates), len(classes), -1)
    if weights is None:
        return F.normalize(each.mean(0), dim=1)
    check_template_weights(weights, templates)
    shares = torch.tensor(weights, dtype=torch.float32, device=each.device)
    return F.normalize((each * shares[:, None, None]).sum(0), dim=1)


def texts_of(classes: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Of each template, the text of each class.

    Raises `InputError` for a template without `{class}` or with another field.
    """
    check_templates(templates)
    return [
        [with_articles(template, {"class": name}) for name in classes] for template in templates
    ]


def check_template_weights(weights: Sequence[float], templates: Sequence[str]) -> None:
    """Raise `InputError` unless each template has a weight of 0 or more, and one has more."""
    if len(weights) != len(templates):
        raise InputError(
            f"there are {len(weights)} weights of {len(templates)} templates: give one for each"
        )
    for weight in weights:
        if not 0 <= weight < math.inf:  # NaN, too
            raise InputError(f"weight {weight:g} of a template is below 0 or not finite: give more")
    if not any(weights):
        raise InputError("all weights of templates are 0: give one more than that")


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
        template_weights: likewise.

    Raises `InputError` for a template without `{class}` or with another field, and for weights that
    are none.
    """

    def __init__(
        self,
        encoder: DualEncoder,
        classes: Sequence[str],
        templates: Sequence[str] = TEMPLATES,
        template_weights: Sequence[float] | None = None,
    ) -> None:
        self.encoder = encoder
        self.weights = class_weights(encoder, classes, templates, template_weights)  # [K, D]

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes, float32 `[N, K]`, given that exactly one is right.

        Images are uint8 `[N, H, W, 3]` on the encoder's device. The encoder's bias, the same for
        all classes, plays no part.
        """
        return self.logits(images).softmax(1)

    def logits(self, images: Tensor) -> Tensor:
        """What each class's likeness comes to by the encoder's scale and bias, float32 `[N, K]`."""
        return self.logits_of(self.encoder.embed_images(images))

    def logits_of(self, vectors: Tensor) -> Tensor:
        """The same, of images' unit vectors `[N, D]`."""
        return self.encoder.scale * (vectors @ self.weights.T) + self.encoder.bias

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities as the encoder was trained to give them, float32 `[N, K]`.

        Of each class by itself, by a sigmoid, or of all together, by a softmax.
        """
        return logits.sigmoid() if self.encoder.is_sigmoid else logits.softmax(1)
