"""Class names that an encoder, or a dictionary, can hardly tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...generate import ClassName
from ...generate.plan.wordnet import first_word, nouns

_MOST_PAIRS = 10
_MOST_SENSES = 3


@dataclass(frozen=True)
class NamePair:
    """Two classes whose texts are alike."""

    first: str
    second: str
    cosine: float
    hypernym: str | None
    """What both are, by WordNet, in the first sense of each; None where it does not say."""


@dataclass(frozen=True)
class Senses:
    """A class whose name has several meanings."""

    class_name: str
    count: int
    glosses: tuple[str, ...]
    """The most frequent meanings, each with what it is a kind of."""


def name_pairs(
    weights: Tensor, classes: Sequence[ClassName], wordnet: Any | None
) -> tuple[NamePair, ...]:
    """The pairs whose texts' unit vectors, `[K, D]`, are nearest, the nearest first."""
    cosines = (weights @ weights.T).cpu()
    rows, columns = torch.triu_indices(len(classes), len(classes), 1)
    values, places = cosines[rows, columns].topk(min(_MOST_PAIRS, len(rows)))
    return tuple(
        NamePair(
            classes[rows[place]].name,
            classes[columns[place]].name,
            value,
            _common(classes[rows[place]], classes[columns[place]], wordnet),
        )
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
    )


def senses(classes: Sequence[ClassName], wordnet: Any | None) -> tuple[Senses, ...]:
    """The classes whose prompt is a noun of several meanings; none without WordNet."""
    found = []
    for item in classes:
        meanings = _nouns(item, wordnet)
        if len(meanings) > 1:
            glosses = tuple(map(_gloss, meanings[:_MOST_SENSES]))
            found.append(Senses(item.name, len(meanings), glosses))
    return tuple(found)


def _nouns(item: ClassName, wordnet: Any | None) -> list[Any]:
    if wordnet is None:
        return []
    return nouns(item.prompt, wordnet)


def _common(first: ClassName, second: ClassName, wordnet: Any | None) -> str | None:
    one, other = _nouns(first, wordnet), _nouns(second, wordnet)
    if not one or not other:
        return None
    shared = one[0].lowest_common_hypernyms(other[0])
    return first_word(shared[0]) if shared else None


def _gloss(synset: Any) -> str:
    above = synset.hypernyms()
    kind = f"{first_word(above[0])}: " if above else ""
    return f"{kind}{synset.definition()}"
