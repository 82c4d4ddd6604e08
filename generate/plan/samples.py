"""The images of a dataset before they exist, each a pure function of plan and index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from ...base.errors import InputError
from . import philox
from .attributes import attributes_by_label
from .classes import ClassName
from .leaf_prompts import (
    LeafPrompts,
    PromptText,
    Template,
    TemplatePrompts,
    file_prompts,
    weighted_template,
)
from .levels import Levels
from .philox import Stream
from .prompts import asks_dictionary
from .recipe import GuidanceRange, Recipe
from .wordnet import dictionary_values

MOST_COUNTED = 1_000_000
"""Images of a plan with a prompt file, or weights, whose prompts are counted one by one."""


@dataclass(frozen=True)
class SampleSpec:
    """All that decides one image: the prompt, its guidance and the seed of its noise."""

    index: int
    label: int
    prompt: str
    negative_prompt: str
    guidance: float
    seed: int
    language: str = ""
    """Of the prompt, where its file or recipe says so."""
    template: str = ""
    """What the prompt was made from; empty for one that a file has."""
    domain: str = ""
    """What the template's `{domain}` is; empty without one."""
    attribute: str = ""
    """What the template's `{attribute}` is; empty without one."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.guidance):
            raise InputError(
                f"guidance of image {self.index} is {self.guidance}: give a number, 1 for none"
            )


@dataclass(frozen=True)
class PossiblePrompt:
    """A prompt that some image of a class may have, in a plan of any size."""

    label: int
    text: PromptText
    guidance: float | GuidanceRange


class SamplePlan(Sequence[SampleSpec]):
    """The specs of `images_per_class` images of every class, computed when asked for.

    Labels alternate, so that every prefix is balanced; within a class the parts of a merged recipe
    alternate, and each run of as many images as there are domains has every domain once, in an
    order of its own, as `Levels` has it with attributes. Prompts of a file, and domains and
    attributes with weights, come in every prefix about as often as their weights say.

    Raises `InputError` for numbers out of range, and where the recipe's prompt files are for other
    classes.
    """

    def __init__(
        self, recipe: Recipe, classes: Sequence[ClassName], images_per_class: int, seed: int = 0
    ) -> None:
        if images_per_class < 1:
            raise InputError(f"images per class is {images_per_class}: at least 1 is needed")
        if not 0 <= seed < 2**64:
            raise InputError(f"seed {seed} is outside 0..2^64-1: choose one inside")
        self.recipe = recipe
        self.classes = tuple(classes)
        self.seed = seed
        self.images_per_class = images_per_class
        self.leaves = recipe.leaves
        self.leaf_prompts = tuple(
            _prompts_of(leaf, self.classes, seed, part, len(self.leaves))
            for part, leaf in enumerate(self.leaves)
        )
        self._count = images_per_class * len(self.classes)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> SampleSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[SampleSpec]: ...
    def __getitem__(self, index: int | slice) -> SampleSpec | list[SampleSpec]:
        if isinstance(index, slice):
            return [self._spec(i) for i in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(f"sample {index} of a plan of {self._count}")
        return self._spec(index)

    def __iter__(self) -> Iterator[SampleSpec]:
        return (self._spec(index) for index in range(self._count))

    def _spec(self, index: int) -> SampleSpec:
        rank, label = divmod(index, len(self.classes))
        rank, part = divmod(rank, len(self.leaves))
        text = self.leaf_prompts[part].at(label, rank)
        return SampleSpec(
            index=index,
            label=label,
            prompt=text.prompt,
            negative_prompt=text.negative_prompt,
            guidance=self._guidance(self.leaves[part], index),
            seed=philox.seed63(self.seed, index, Stream.NOISE),
            language=text.language,
            template=text.template,
            domain=text.domain,
            attribute=text.attribute,
        )

    def _guidance(self, leaf: Recipe, index: int) -> float:
        if isinstance(leaf.guidance, GuidanceRange):
            return leaf.guidance.at(philox.uniform(self.seed, index, Stream.GUIDANCE))
        return leaf.guidance


def possible_prompts(plan: SamplePlan) -> dict[PossiblePrompt, float]:
    """All that images of a plan may show, with the share of their class's images.

    In order of labels; takes a time that follows from the number of prompts, not of images.
    """
    shares: dict[PossiblePrompt, float] = {}
    for label in range(len(plan.classes)):
        for leaf, prompts in zip(plan.leaves, plan.leaf_prompts, strict=True):
            for text, share in prompts.shares(label).items():
                one = PossiblePrompt(label, text, leaf.guidance)
                shares[one] = shares.get(one, 0.0) + share / len(plan.leaves)
    return shares


def prompt_counts(plan: SamplePlan) -> dict[PossiblePrompt, int]:
    """How many images of a plan have which prompt: exact where `is_counted` says so."""
    if not is_counted(plan):
        images = plan.images_per_class
        return {one: round(images * share) for one, share in possible_prompts(plan).items()}
    counts = dict.fromkeys(possible_prompts(plan), 0)
    for part, (leaf, prompts) in enumerate(zip(plan.leaves, plan.leaf_prompts, strict=True)):
        images = len(range(part, plan.images_per_class, len(plan.leaves)))
        for label in range(len(plan.classes)):
            for text, count in prompts.counts(label, images).items():
                counts[PossiblePrompt(label, text, leaf.guidance)] += count
    return counts


def is_counted(plan: SamplePlan) -> bool:
    """Whether `prompt_counts` are exact, not rounded shares, which would take too long to count."""
    return len(plan) <= MOST_COUNTED or not any(leaf.file or leaf.weights for leaf in plan.leaves)


def texts_of(plan: SamplePlan, negative_prompt: str | None = None) -> list[str]:
    """All texts that a model may be given: prompts, and what guidance leads away from.

    A `negative_prompt` takes the place of those of the recipe.
    """
    found = [one.text for one in possible_prompts(plan)]
    texts = [text.prompt for text in found]
    if plan.recipe.guided and negative_prompt is None:
        texts += [text.negative_prompt for text in found]
    elif plan.recipe.guided and negative_prompt is not None:
        texts.append(negative_prompt)
    return list(dict.fromkeys(texts))


def template_of(leaf: Recipe, classes: Sequence[ClassName]) -> Template:
    """The template of a recipe without a prompt file, and what it calls the classes."""
    named = classes if leaf.named is None else leaf.named.renamed(classes)
    return Template(leaf.prompt, leaf.negative_prompt, leaf.language, named)


def _prompts_of(
    leaf: Recipe, classes: Sequence[ClassName], seed: int, part: int, parts: int
) -> LeafPrompts:
    away = leaf.negative_prompt
    if leaf.file is not None:
        return file_prompts(leaf.file, leaf.cap, away, classes, seed, part)
    if leaf.prompts or (leaf.names and leaf.named is None):
        what = f"prompts {leaf.prompts!r}" if leaf.prompts else f"names {leaf.names!r}"
        raise InputError(
            f"{what} of recipe {leaf.name!r} were not read: make the recipe with load_recipe"
        )
    for item in classes if asks_dictionary(leaf.prompt) else ():
        dictionary_values(item.prompt)  # that it has an answer, before the first image
    template = template_of(leaf, classes)
    attributes = attributes_by_label(leaf.attributes, leaf.name, classes)
    if leaf.weights:
        domains, *weighted = (
            {name: leaf.weight_of(name) for name in names} for names in (leaf.domains, *attributes)
        )
        return weighted_template(template, domains, weighted, seed, part)
    levels = Levels(leaf.domains, attributes, seed, part, parts)
    return TemplatePrompts(template, levels)
