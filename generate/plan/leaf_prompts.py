"""Which prompt an image has: templates whose domains take turns, files and domains by weight."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from . import philox
from .classes import ClassName
from .philox import Stream
from .prompt_classes import rows_by_label
from .prompt_file import PromptFile
from .prompt_row import PromptRow
from .prompts import fill

# 2^64 over the golden ratio. Its multiples modulo 2^64 fill that range evenly from the first on:
# Knuth, "The art of computer programming", volume 3, section 6.4.
_GOLDEN = 0x9E3779B97F4A7C15
_RANGE = 2**64


@dataclass(frozen=True)
class PromptText:
    """What an image shows, and what it is led away from."""

    prompt: str
    negative_prompt: str
    language: str = ""
    template: str = field(default="", compare=False)
    """What the prompt was made from; empty for one that a file has."""
    domain: str = field(default="", compare=False)
    """What the template's `{domain}` is; empty without one."""


class LeafPrompts(Protocol):
    """The prompts of one leaf of a recipe, for all classes."""

    def at(self, label: int, rank: int) -> PromptText:
        """The prompt of image `rank` among those of a class that this leaf decides."""

    def shares(self, label: int) -> dict[PromptText, float]:
        """All prompts of a class, with the share of its images that each has in the long run."""

    def counts(self, label: int, images: int) -> Counter[PromptText]:
        """How many of the first `images` of a class have which prompt."""


class TemplatePrompts:
    """A template; each run of as many images as there are domains has every domain once.

    Args:
        seed, part, parts: of the plan, and this leaf's place among its leaves.
    """

    def __init__(
        self,
        template: str,
        domains: Sequence[str],
        negative_prompt: str,
        classes: Sequence[ClassName],
        seed: int,
        part: int,
        parts: int,
    ) -> None:
        self._template, self._domains, self._negative = template, domains, negative_prompt
        self._classes, self._seed, self._part, self._parts = classes, seed, part, parts

    def at(self, label: int, rank: int) -> PromptText:
        return self._text(label, self._domain(label, rank))

    def shares(self, label: int) -> dict[PromptText, float]:
        domains = self._domains or ("",)
        return {self._text(label, domain): 1 / len(domains) for domain in domains}

    def counts(self, label: int, images: int) -> Counter[PromptText]:
        rounds, rest = divmod(images, len(self._domains) or 1)
        found = Counter({text: rounds for text in self.shares(label) if rounds})
        found.update(self.at(label, rank) for rank in range(images - rest, images))
        return found

    def _text(self, label: int, domain: str) -> PromptText:
        return _filled(self._template, self._classes[label], domain, self._negative)

    def _domain(self, label: int, rank: int) -> str:
        if not self._domains:
            return ""
        position = rank % len(self._domains)
        # The first index of the round names its order; all images of the round agree on it.
        first = ((rank - position) * self._parts + self._part) * len(self._classes) + label
        order = philox.shuffled(len(self._domains), self._seed, first, Stream.DOMAIN)
        return self._domains[order[position]]


def file_prompts(
    file: PromptFile, negative_prompt: str, classes: Sequence[ClassName], seed: int, part: int
) -> LeafPrompts:
    """Prompts of a file, each about as often as its weight says.

    `negative_prompt` is that of prompts without one of their own; `seed` is the plan's, and `part`
    this leaf's place among its leaves. Raises `InputError` for a class that the file has and
    `classes` have not, or the reverse.
    """
    by_label = rows_by_label(file.rows, file.path, classes)
    return WeightedPrompts([_row_weights(rows, negative_prompt) for rows in by_label], seed, part)


def domain_prompts(
    template: str,
    weights: Mapping[str, float],
    negative_prompt: str,
    classes: Sequence[ClassName],
    seed: int,
    part: int,
) -> LeafPrompts:
    """A template's prompts, each domain about as often as its weight says."""

    def of_class(item: ClassName) -> dict[PromptText, Fraction]:
        texts = (_filled(template, item, name, negative_prompt) for name in weights)
        return dict(zip(texts, map(Fraction, weights.values()), strict=True))

    return WeightedPrompts([of_class(item) for item in classes], seed, part)


class WeightedPrompts:
    """Prompts of which each class has, in every run of images, each about as often as its weight.

    Args:
        weights: for each class; 0 is never.
        seed, part: of the plan, and this leaf's place among its leaves.
    """

    def __init__(
        self, weights: Sequence[Mapping[PromptText, Fraction]], seed: int, part: int
    ) -> None:
        self._seed, self._part = seed, part
        self._choices = [_Choice(one) for one in weights]

    def at(self, label: int, rank: int) -> PromptText:
        return self._choices[label].at(self._start(label) + rank * _GOLDEN)

    def shares(self, label: int) -> dict[PromptText, float]:
        return self._choices[label].shares()

    def counts(self, label: int, images: int) -> Counter[PromptText]:
        choice, start = self._choices[label], self._start(label)
        return Counter(choice.at(start + rank * _GOLDEN) for rank in range(images))

    def _start(self, label: int) -> int:
        high, low, *_ = philox.words(self._seed, label, Stream.PROMPT, self._part)
        return (high << 32) | low


def _filled(template: str, item: ClassName, domain: str, negative_prompt: str) -> PromptText:
    prompt = fill(template, item.prompt, domain)
    return PromptText(prompt, negative_prompt, template=template, domain=domain)


def _row_weights(rows: Sequence[PromptRow], negative_prompt: str) -> dict[PromptText, Fraction]:
    weights: dict[PromptText, Fraction] = {}
    for row in rows:
        text = PromptText(row.prompt, row.negative_prompt or negative_prompt, row.language)
        weights[text] = weights.get(text, Fraction(0)) + Fraction(row.weight)
    return weights


class _Choice:
    """The prompts of a class as neighbouring parts of 0..2^64, as wide as their weights."""

    def __init__(self, weights: Mapping[PromptText, Fraction]) -> None:
        weights = {text: weight for text, weight in weights.items() if weight}
        self._texts = list(weights)
        self._ends: list[int] = []
        total, end = sum(weights.values()), Fraction(0)
        for weight in weights.values():
            end += weight
            self._ends.append(int(end * _RANGE / total))

    def at(self, point: int) -> PromptText:
        return self._texts[bisect_right(self._ends, point % _RANGE)]

    def shares(self) -> dict[PromptText, float]:
        begins = [0, *self._ends]
        return {
            text: (end - begin) / _RANGE
            for text, begin, end in zip(self._texts, begins, self._ends, strict=False)
        }
