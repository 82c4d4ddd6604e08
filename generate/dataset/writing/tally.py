"""What is counted of the images of a shard, by class, domain and guidance."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ....base.foreign import ForeignValues, check_values
from ...plan.recipe import GuidanceRange
from ..commit.record import GroupFacts
from ..config.config import CONFIG

_MOST_LEVELS = 8
_QUARTERS = 4


class Tally:
    """Counts the rows of images as they come.

    Args:
        recipe: a recipe's content, whose guidance says into what images are grouped.
    """

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        self._classes: Counter[str] = Counter()
        self._rejected: dict[str, Counter[str]] = {}
        self._kept: dict[str, Counter[str]] = {}
        self._levels = GuidanceLevels(recipe)
        self._images: Counter[tuple[str, str]] = Counter()
        self._again: dict[tuple[str, str], Counter[str]] = {}

    def add(self, row: Mapping[str, Any], despite: str = "") -> None:
        """Count an image: `row` is what is written of it, `despite` why it was not to be kept."""
        name, rejected = row["class"], row["rejected"]
        self._classes[name] += 1
        if rejected:
            self._rejected.setdefault(name, Counter()).update(rejected)
        if despite:
            self._kept.setdefault(name, Counter())[despite] += 1
        for group in (("domain", row["domain"]), ("guidance", self._levels(row["guidance"]))):
            self._images[group] += 1
            self._again.setdefault(group, Counter()).update(rejected)

    @property
    def classes(self) -> dict[str, int]:
        """Images of each class."""
        return dict(self._classes)

    @property
    def rejected(self) -> dict[str, dict[str, int]]:
        """Images made again, by class and reason."""
        return {name: dict(counts) for name, counts in self._rejected.items()}

    @property
    def kept(self) -> dict[str, dict[str, int]]:
        """Images kept at the last attempt although a filter rejected them, by class and reason."""
        return {name: dict(counts) for name, counts in self._kept.items()}

    @property
    def groups(self) -> dict[str, dict[str, GroupFacts]]:
        """Images, and what was made again, by domain and by guidance."""
        groups: dict[str, dict[str, GroupFacts]] = {}
        for (by, name), images in sorted(self._images.items()):
            facts = GroupFacts(images, dict(self._again[by, name]))
            groups.setdefault(by, {})[name] = facts
        return groups


class _Leaf(ForeignValues):
    guidance: float | GuidanceRange


class _Content(ForeignValues):
    leaves: list[_Leaf]


class GuidanceLevels:
    """Names for guidance scales: a recipe's own where these are few, else quarters of its range.

    `recipe` is a recipe's content; `InputError` where it is damaged.
    """

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        content = check_values(_Content, recipe, f"the recipe in {CONFIG}", "restore that file")
        scales: set[float] = set()
        is_drawn = False
        for leaf in content.leaves:
            if not isinstance(leaf.guidance, GuidanceRange):
                scales.add(leaf.guidance)
                continue
            low, high = leaf.guidance.uniform
            scales |= {low, high}
            if leaf.guidance.integers:
                scales |= set(range(int(low), int(high) + 1))
            else:
                is_drawn |= low < high
        self._edges: list[float] = []
        if is_drawn or len(scales) > _MOST_LEVELS:
            low, high = min(scales), max(scales)
            step = (high - low) / _QUARTERS
            self._edges = [*(low + step * n for n in range(_QUARTERS)), high]

    def __call__(self, guidance: float) -> str:
        """Such as `7.5`, or `1 to 2`: 2 itself is of the next quarter, where there is one."""
        if not self._edges:
            return f"{guidance:g}"
        quarter = bisect_right(self._edges[1:-1], guidance)
        return f"{self._edges[quarter]:g} to {self._edges[quarter + 1]:g}"
