"""The images of a dataset before they exist, each a pure function of plan and index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from ...base.errors import InputError
from . import philox
from .classes import ClassName
from .philox import Stream
from .prompts import fill
from .recipe import GuidanceRange, Recipe


@dataclass(frozen=True)
class SampleSpec:
    """All that decides one image: the prompt, its guidance and the seed of its noise."""

    index: int
    label: int
    prompt: str
    negative_prompt: str
    guidance: float
    seed: int


class SamplePlan(Sequence[SampleSpec]):
    """The specs of `images_per_class` images of every class, computed when asked for.

    Labels alternate, so that every prefix is balanced; within a class the parts of a merged recipe
    alternate, and each run of as many images as there are domains has every domain once, in an
    order of its own.
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
        leaves = self.recipe.leaves
        rank, part = divmod(rank, len(leaves))
        leaf = leaves[part]
        return SampleSpec(
            index=index,
            label=label,
            prompt=fill(leaf.prompt, self.classes[label].prompt, self._domain(leaf, rank, index)),
            negative_prompt=leaf.negative_prompt,
            guidance=self._guidance(leaf, index),
            seed=philox.seed63(self.seed, index, Stream.NOISE),
        )

    def _guidance(self, leaf: Recipe, index: int) -> float:
        if isinstance(leaf.guidance, GuidanceRange):
            return leaf.guidance.at(philox.uniform(self.seed, index, Stream.GUIDANCE))
        return leaf.guidance

    def _domain(self, leaf: Recipe, rank: int, index: int) -> str:
        if not leaf.domains:
            return ""
        position = rank % len(leaf.domains)
        # The first index of the round names its order; all images of the round agree on it.
        step = len(self.classes) * len(self.recipe.leaves)
        order = philox.shuffled(
            len(leaf.domains), self.seed, index - position * step, Stream.DOMAIN
        )
        return leaf.domains[order[position]]
