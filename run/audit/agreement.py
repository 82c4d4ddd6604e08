"""How far a dual encoder finds in images the class that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

import torch
from torch import Tensor

from ...base.articles import with_articles
from ...encoders import DualEncoder, class_weights
from ...encoders.settings import TEMPLATES
from ...generate import ClassName, SamplePlan
from ...generate.plan.attributes import attributes_by_label
from ...generate.plan.prompts import asks_dictionary, fill

_MOST = 0.5
"""The share of a class's images, taken for one other class, from which it is told of."""


@dataclass(frozen=True)
class Wording:
    """How an image's prompt puts its class."""

    template: str = TEMPLATES[0]
    """With `{class}` in it and no other field."""
    domain: str = ""


PLAIN = Wording()


@dataclass(frozen=True)
class Agreement:
    """Shares of images that are taken for the class that was asked for."""

    share: float
    by_class: tuple[float | None, ...]
    """In label order; None without an image."""
    by_domain: Mapping[str, float]
    by_guidance: Mapping[str, float]
    """By the scale, rounded to a whole number; empty of a dataset."""
    taken: tuple[tuple[float, ...], ...]
    """`taken[i][j]` is the share of images of class i that are taken for class j."""

    @property
    def is_telling(self) -> bool:
        """Whether most images of most classes agree, so that a class which does not stands out."""
        return median(share for share in self.by_class if share is not None) >= _MOST


@dataclass(frozen=True)
class Suspicion:
    """A class most of whose images show another one."""

    class_name: str
    shows: str
    share: float
    """Of its images that are taken for the other class."""
    own: float
    """Of its images that are taken for its own."""

    def sentence(self, candidate: str) -> str:
        """What to tell."""
        return (
            f"{candidate}: {self.share:.0%} of the images of {self.class_name!r} look like "
            f"{self.shows!r}, {self.own:.0%} like their own class: its prompts or labels may be "
            "another's"
        )


def wordings(plan: SamplePlan) -> dict[str, Wording]:
    """How the prompts of a plan put their class.

    Those of files, dictionaries and languages are not in it.
    """
    found = {}
    for leaf in plan.leaves:
        if not leaf.prompt or leaf.language or leaf.names or asks_dictionary(leaf.prompt):
            continue
        of_classes = attributes_by_label(leaf.attributes, leaf.name, plan.classes)
        for item, attributes in zip(plan.classes, of_classes, strict=True):
            for domain, attribute in product(leaf.domains or ("",), attributes or ("",)):
                levels = {"domain": domain, "attribute": attribute}
                template = with_articles(leaf.prompt, {"class": "{class}", **levels})
                found[fill(leaf.prompt, item.prompt, **levels)] = Wording(template, domain)
    return found


class Agreeing:
    """Finds the class of images by the encoder's texts, in the wording of each image's prompt."""

    def __init__(self, encoder: DualEncoder, classes: Sequence[ClassName]) -> None:
        self._encoder, self._prompts = encoder, [item.prompt for item in classes]
        self._weights: dict[str, Tensor] = {}

    def weights(self, template: str = PLAIN.template) -> Tensor:
        """A unit vector of each class, `[K, D]`."""
        if template not in self._weights:
            self._weights[template] = class_weights(self._encoder, self._prompts, [template])
        return self._weights[template]

    def labels(self, vectors: Tensor, told: Sequence[Wording]) -> Tensor:
        """The class that each image is most like: int64 `[N]`, on the CPU."""
        found = torch.empty(len(vectors), dtype=torch.long)
        for template in {wording.template for wording in told}:
            rows = torch.tensor([wording.template == template for wording in told])
            part = vectors[rows.to(vectors.device)]
            found[rows] = (part @ self.weights(template).T).argmax(1).cpu()
        return found


def agreement(
    found: Tensor,
    labels: Tensor,
    classes: int,
    told: Sequence[Wording],
    guidance: Sequence[float] = (),
) -> Agreement:
    """How far the classes `found` are those asked for, `labels`, both int64 `[N]`.

    `told` and `guidance` are of each image; the latter may be empty.
    """
    counts = torch.bincount(labels * classes + found, minlength=classes**2).view(classes, classes)
    totals = counts.sum(1)
    right = found == labels
    taken = counts.double() / totals.clamp(min=1)[:, None]
    own = taken.diagonal().tolist()
    scales = _shares(right, [f"{scale:.0f}" for scale in guidance])
    return Agreement(
        float(right.double().mean()),
        tuple(share if total else None for share, total in zip(own, totals.tolist(), strict=True)),
        _shares(right, [wording.domain for wording in told]),
        {scale: scales[scale] for scale in sorted(scales, key=int)},
        tuple(map(tuple, taken.tolist())),
    )


def suspicions(
    found: Agreement, names: Sequence[str], real: Agreement | None
) -> tuple[Suspicion, ...]:
    """The classes most of whose images look like one other class, while those of most others agree.

    Where the encoder takes the real images of a class for that other, too, it is not told of.
    """
    told: list[Suspicion] = []
    if not found.is_telling:
        return ()
    for number, name in enumerate(names):
        row = found.taken[number]
        other = max((j for j in range(len(names)) if j != number), key=row.__getitem__)
        blind = real is not None and real.taken[number][other] >= _MOST
        if row[other] >= _MOST and row[other] > row[number] and not blind:
            told.append(Suspicion(name, names[other], row[other], row[number]))
    return tuple(told)


def _shares(right: Tensor, keys: Sequence[str]) -> dict[str, float]:
    """The share that is right for each key, as they come; empty where none has one."""
    members: dict[str, list[bool]] = {}
    for key, one in zip(keys, right.tolist(), strict=False):
        members.setdefault(key, []).append(one)
    if set(members) <= {""}:
        return {}
    return {key or "none": sum(row) / len(row) for key, row in members.items()}
