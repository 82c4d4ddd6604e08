"""Which prompt an image has: templates whose levels take turns, files and levels by weight."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from . import philox
from .classes import ClassName
from .levels import Levels
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
    attribute: str = field(default="", compare=False)
    """What the template's `{attribute}` is; empty without one."""


class LeafPrompts(Protocol):
    """The prompts of one leaf of a recipe, for all classes."""

    def at(self, label: int, rank: int) -> PromptText:
        """The prompt of image `rank` among those of a class that this leaf decides."""

    def shares(self, label: int) -> dict[PromptText, float]:
        """All prompts of a class, with the share of its images that each has in the long run."""

    def counts(self, label: int, images: int) -> Counter[PromptText]:
        """How many of the first `images` of a class have which prompt."""


@dataclass(frozen=True)
class Template:
    """What prompts of a template have in common, and what they call the classes."""

    prompt: str
    negative_prompt: str
    language: str
    classes: Sequence[ClassName]

    def text(self, label: int, domain: str, attribute: str) -> PromptText:
        """The prompt of a class in a domain, with an attribute; empty texts stand for none."""
        words = self.classes[label].prompt
        prompt = fill(self.prompt, words, domain, attribute, self.language)
        return PromptText(
            prompt, self.negative_prompt, self.language, self.prompt, domain, attribute
        )


class TemplatePrompts:
    """A template, whose domains and attributes take turns as `levels` say."""

    def __init__(self, template: Template, levels: Levels) -> None:
        self._template, self._levels = template, levels

    def at(self, label: int, rank: int) -> PromptText:
        return self._template.text(label, *self._levels.at(label, rank))

    def shares(self, label: int) -> dict[PromptText, float]:
        pairs = self._levels.pairs(label)
        texts = Counter(self._template.text(label, *pair) for pair in pairs)
        return {text: count / len(pairs) for text, count in texts.items()}

    def counts(self, label: int, images: int) -> Counter[PromptText]:
        pairs = self._levels.pairs(label)
        rounds, rest = divmod(images, len(pairs))
        found: Counter[PromptText] = Counter()
        for pair in pairs if rounds else ():
            found[self._template.text(label, *pair)] += rounds
        found.update(self.at(label, rank) for rank in range(images - rest, images))
        return found


def file_prompts(
    file: PromptFile,
    cap: float | None,
    negative_prompt: str,
    classes: Sequence[ClassName],
    seed: int,
    part: int,
) -> LeafPrompts:
    """Prompts of a file, each about as often as its weight says.

    A prompt whose weight in its class, all its rows together, is above `cap` has that weight, as
    algorithm 1 of MetaCLIP (arXiv 2309.16671) balances entries by how often each is met.
    `negative_prompt` is that of prompts without one of their own; `seed` is the plan's, and `part`
    this leaf's place among its leaves. Raises `InputError` for a class that the file has and
    `classes` have not, or the reverse.
    """
    by_label = rows_by_label(file.rows, file.path, classes)
    most = None if cap is None else Fraction(cap)
    weights = [_row_weights(rows, negative_prompt, most) for rows in by_label]
    return WeightedPrompts(weights, seed, part)


def weighted_template(
    template: Template,
    domains: Mapping[str, float],
    attributes: Sequence[Mapping[str, float]],
    seed: int,
    part: int,
) -> LeafPrompts:
    """A template's prompts, each domain and each attribute about as often as its weight says.

    A domain with an attribute has the product of their weights. `attributes` are those of each
    class, in label order.
    """

    def of_class(label: int) -> dict[PromptText, Fraction]:
        found: dict[PromptText, Fraction] = {}
        for domain, of_domain in (domains or {"": 1.0}).items():
            for attribute, weight in (attributes[label] or {"": 1.0}).items():
                text = template.text(label, domain, attribute)
                pair = Fraction(of_domain) * Fraction(weight)
                found[text] = found.get(text, Fraction(0)) + pair
        return found

    return WeightedPrompts([of_class(label) for label in range(len(template.classes))], seed, part)


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


def _row_weights(
    rows: Sequence[PromptRow], negative_prompt: str, cap: Fraction | None
) -> dict[PromptText, Fraction]:
    weights: dict[PromptText, Fraction] = {}
    for row in rows:
        text = PromptText(row.prompt, row.negative_prompt or negative_prompt, row.language)
        weights[text] = weights.get(text, Fraction(0)) + Fraction(row.weight)
    if cap is None:
        return weights
    return {text: min(weight, cap) for text, weight in weights.items()}


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
