"""What is off a run's classes and can be asked of its model: other things, and two classes in one.

`things.txt` lists common things, one a line, of kinds that models know: animals, plants, food,
vehicles, tools, buildings and places.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from pathlib import Path

from ...base import InputError
from ...base.articles import indefinite_article
from ...base.reading import read_text
from ...generate import ClassName, Recipe, SamplePlan, SampleSpec
from ...generate.plan.recipe import GuidanceRange

_SHIPPED = Path(__file__).with_name("things.txt")
_PLAIN = "a photo of a {class}"
_MOST_NAMES = 50  # so that each comes with several of a recipe's parts and domains


def other_things(classes: Sequence[ClassName], given: Sequence[str] = ()) -> tuple[ClassName, ...]:
    """Those of `given`, or else of the shipped things, that are none of the classes.

    Left out are those that hold the words of a class's name or prompt, and those whose words one
    holds: "cat" and "cat food" beside the class "cat" or "black cat". Synonyms are not known.
    Raises `InputError` where none is left.
    """
    things = given or read_text(_SHIPPED, "list of things").splitlines()
    named = {_words(text) for item in classes for text in (item.name, item.prompt)}
    left = [
        thing.strip()
        for thing in things
        if thing.strip() and not any(_holds(_words(thing), words) for words in named)
    ]
    if not left:
        raise InputError(
            f"of {len(things)} other things none is left that is no class: name some with --things"
        )
    return tuple(ClassName(thing, thing) for thing in dict.fromkeys(left))


def plan_of_things(
    recipe: Recipe, things: Sequence[ClassName], count: int, seed: int
) -> list[SampleSpec]:
    """Samples of `count` images of `things`, drawn anew for another seed."""
    chosen = random.Random(seed).sample(things, min(len(things), _MOST_NAMES, count))
    return _plan(recipe, chosen, count, seed)


def plan_of_pairs(
    recipe: Recipe, classes: Sequence[ClassName], count: int, seed: int
) -> list[SampleSpec]:
    """Samples of `count` images with two classes in each prompt."""
    number, draw = len(classes), random.Random(seed)
    wanted, found = min(_MOST_NAMES, count, math.comb(number, 2)), set[tuple[int, int]]()
    while len(found) < wanted:
        first, second = sorted(draw.sample(range(number), 2))
        found.add((first, second))
    names = [_both(classes[one].prompt, classes[other].prompt) for one, other in sorted(found)]
    return _plan(recipe, names, count, seed)


def _both(first: str, second: str) -> ClassName:
    text = f"{first} and {indefinite_article(second)} {second}"
    return ClassName(text, text)


def _plan(recipe: Recipe, names: Sequence[ClassName], count: int, seed: int) -> list[SampleSpec]:
    plan = SamplePlan(_without_files(recipe), names, math.ceil(count / len(names)), seed)
    return plan[:count]


def varied(recipe: Recipe, guidance: tuple[float, float] | None) -> Recipe:
    """The recipe with the least guidance that each of its parts draws, or with another.

    Guidance makes images more alike, and easier, than photographs are.
    """
    if guidance is not None:
        return recipe.with_guidance(guidance)
    leaves = tuple(leaf.model_copy(update={"guidance": _least(leaf)}) for leaf in recipe.leaves)
    return _of_leaves(recipe, leaves)


def _least(leaf: Recipe) -> float:
    drawn = leaf.guidance
    return drawn.uniform[0] if isinstance(drawn, GuidanceRange) else drawn


def _of_leaves(recipe: Recipe, leaves: tuple[Recipe, ...]) -> Recipe:
    return recipe.model_copy(update={"parts": leaves}) if recipe.merge else leaves[0]


def _without_files(recipe: Recipe) -> Recipe:
    """The recipe with a plain template in place of each prompt file, which is for the classes."""
    plain = {"file": None, "prompts": "", "prompt": _PLAIN}
    leaves = tuple(leaf.model_copy(update=plain) if leaf.file else leaf for leaf in recipe.leaves)
    return _of_leaves(recipe, leaves)


def _words(text: str) -> str:
    """The words of a text with a space before and after each."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])


def _holds(one: str, other: str) -> bool:
    return one in other or other in one
