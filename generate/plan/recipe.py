"""Recipes: how prompts and guidance vary over the images of a dataset.

A recipe is a YAML file; those that ship are in `recipes/`, and a user's own are given by path. A
file of prompts stands for the recipe that takes its prompts from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ...base.errors import InputError, unknown
from ...base.limits import NESTING, RECIPE_PARTS, VALUES
from ...base.printable import short
from ...base.reading import is_file, read_text
from ...base.yaml_files import load_yaml
from .attributes import Attributes, all_attributes, attribute_lists, read_attributes
from .names_file import NamesFile, read_names_file
from .prompt_file import PromptFile, is_prompt_file, read_prompt_file
from .prompt_row import MOST_CHARACTERS
from .prompts import asks_dictionary, is_english, template_fields
from .settings import MOST_GUIDANCE, check_scales
from .weights import check_cap, check_weights, spread

_SHIPPED = Path(__file__).parent / "recipes"
_OF_TEMPLATES = {"prompt", "domains", "attributes", "weights", "language", "names"}


class GuidanceRange(BaseModel):
    """Guidance drawn for each image, uniformly between two bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    uniform: Annotated[tuple[float, float], Field(strict=False)]
    """Lowest and highest guidance scale; 1 is no guidance."""
    integers: bool = False
    """Draw whole numbers, both bounds included."""

    @model_validator(mode="after")
    def _ordered(self) -> GuidanceRange:
        low, high = self.uniform
        if low > high:
            raise ValueError(
                f"the range {low:g} to {high:g} is upside down: write [{high:g}, {low:g}]"
            )
        for scale in self.uniform:
            _check_scale(scale)
        if self.integers and (low % 1 or high % 1):
            raise ValueError(f"integers need whole bounds, not {low:g} and {high:g}")
        return self

    def at(self, draw: float) -> float:
        """The guidance for a uniform `draw` in [0, 1)."""
        low, high = self.uniform
        if self.integers:
            return low + int(draw * (high - low + 1))
        return low + draw * (high - low)


def _guidance(value: Any) -> Any:
    if isinstance(value, dict):
        return GuidanceRange.model_validate(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            f"{short(value)} is neither a number nor a range such as {{uniform: [1, 5]}}: use one"
        )
    _check_scale(value)
    return float(value)


def _check_scale(value: float) -> None:
    if value < 1:
        raise ValueError(f"guidance {value:g} is below 1, which is no guidance: use 1 or more")
    if not value <= MOST_GUIDANCE:  # NaN, too
        raise ValueError(f"guidance {short(value)} is above {MOST_GUIDANCE:g}: use 1 to 30")


def _check_names(field: str, names: tuple[str, ...], used: bool) -> None:
    """Raise `ValueError` unless the template has the field of `names`, and these differ."""
    if used != bool(names):
        raise ValueError(f"the field {{{field}}} and the list `{field}s` go together: give both")
    if len(set(names)) < len(names) or any(not name.strip() for name in names):
        raise ValueError(f"`{field}s` has an empty or repeated entry: remove it")


class Recipe(BaseModel):
    """One way to vary prompts and guidance, or equal parts of several."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = ""
    description: str = ""
    prompt: str = ""
    """Template with the fields `{class}`, `{domain}` and `{attribute}` and, by WordNet,
    `{hypernym}`, what the class is a kind of, and `{gloss}`, what it means."""
    domains: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What `{domain}` runs through, equally often for every class."""
    attributes: Annotated[Attributes, BeforeValidator(read_attributes)] = ()
    """What `{attribute}` runs through, equally often for every class and with every domain: a list
    for all classes, or one for each by its name."""
    weights: dict[str, float] = {}
    """How often each of `domains` and `attributes`, or of the recipes in `merge`, comes in relation
    to the others of its list; 1 for those that are not named, and whole numbers for recipes."""
    cap: float | None = None
    """What each weight above it counts as: of domains and attributes, or of a class's prompts in
    the file that `prompts` names."""
    language: str = ""
    """Of the prompts that the template makes, such as `de`; noted with each image."""
    names: str = ""
    """A class file with what the template calls each class; its path is seen from this file."""
    prompts: str = ""
    """In place of a template, a file of prompts for each class; its path is seen from this file."""
    negative_prompt: str = ""
    """What guidance leads away from; a prompt's own in a file wins."""
    guidance: Annotated[float | GuidanceRange, BeforeValidator(_guidance)] = 7.5
    """Guidance scale of all images, or the range from which each image draws its own."""
    merge: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Recipes (names, or paths seen from this file) of which this one is equal parts."""
    parts: tuple[Recipe, ...] = Field(default=(), exclude=True)
    """The recipes that `merge` names, once read, each as often as its weight says; not written by
    users."""
    file: PromptFile | None = Field(default=None, exclude=True, repr=False)
    """What `prompts` names, once read; not written by users."""
    named: NamesFile | None = Field(default=None, exclude=True, repr=False)
    """What `names` names, once read; not written by users."""

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        own_attributes = all_attributes(self.attributes)
        for text in (self.prompt, self.negative_prompt, *self.domains, *own_attributes):
            if len(text) > MOST_CHARACTERS:
                raise ValueError(
                    f"{short(text)} has {len(text):,} characters, and a prompt at most "
                    f"{MOST_CHARACTERS:,}: shorten it"
                )
        if self.merge:
            own = self.model_fields_set - {"merge", "weights", "name", "description", "parts"}
            if own:
                raise ValueError(f"a recipe with `merge` takes no {', '.join(sorted(own))}")
            check_weights(self.weights, self.merge, whole=True)
            return self
        if self.prompts:
            if both := self.model_fields_set & _OF_TEMPLATES:
                raise ValueError(f"a recipe with `prompts` takes no {', '.join(sorted(both))}")
            check_cap(self.cap)
            return self
        if not self.prompt:
            raise ValueError("it has neither `prompt` nor `merge` nor `prompts`: add one of them")
        fields = template_fields(self.prompt)
        if "class" not in fields:
            raise ValueError(f"prompt {self.prompt!r} lacks the field {{class}}: add it")
        lists = attribute_lists(self.attributes) or [()]
        for field, names in (("domain", self.domains), *(("attribute", one) for one in lists)):
            _check_names(field, names, field in fields)
        if twice := sorted({*self.domains} & {*own_attributes} & self.weights.keys()):
            raise ValueError(
                f"`weights` names {twice[0]!r}, which is a domain and an attribute: rename one"
            )
        if (self.names or not is_english(self.language)) and asks_dictionary(self.prompt):
            raise ValueError(
                "the fields {hypernym} and {gloss} are English, by WordNet: leave them out beside "
                "`names` and other languages"
            )
        check_weights(self.weights, self.domains, *lists)
        check_cap(self.cap, idle=not self.weights)
        pairs = len(self.domains) * sum(map(len, lists))
        VALUES.check(pairs, "the list `domains`, each with each of `attributes`,")
        return self

    def weight_of(self, name: str) -> float:
        """How often a domain or an attribute comes in relation to the others, at most `cap`."""
        weight = self.weights.get(name, 1.0)
        return weight if self.cap is None else min(weight, self.cap)

    @property
    def leaves(self) -> tuple[Recipe, ...]:
        """The parts that images alternate between; a recipe without `merge` is its own."""
        return tuple(leaf for part in self.parts for leaf in part.leaves) if self.merge else (self,)

    def with_guidance(self, scales: tuple[float, float]) -> Recipe:
        """The same with other guidance: one scale, or one drawn between two for each image.

        Raises `InputError` for scales that are none.
        """
        check_scales(scales)
        low, high = scales
        if self.merge:
            parts = tuple(part.with_guidance(scales) for part in self.parts)
            return self.model_copy(update={"parts": parts})
        drawn = _guidance(low if low == high else {"uniform": scales})
        return self.model_copy(update={"guidance": drawn})

    @property
    def guided(self) -> bool:
        """Whether any image has guidance, which is a scale above 1."""
        scales = [leaf.guidance for leaf in self.leaves]
        return any(
            (one.uniform[1] if isinstance(one, GuidanceRange) else one) > 1 for one in scales
        )


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def recipe_text(name: str) -> str:
    """The file of a shipped recipe, to copy and edit."""
    if name not in shipped_recipes():
        raise unknown("recipe", name, shipped_recipes())
    return read_text(_SHIPPED / f"{name}.yaml", "recipe")


def load_recipe(name: str | Path, guidance: tuple[float, float] | None = None) -> Recipe:
    """A shipped recipe by name, or a user's or a file of prompts by path.

    `guidance` takes the place of the recipe's; see `Recipe.with_guidance`. Raises `InputError` that
    says what is wrong with the recipe.
    """
    recipe, _ = _load(str(name), Path(), (), {})
    return recipe if guidance is None else recipe.with_guidance(guidance)


def _load(
    name: str, folder: Path, parents: tuple[Path, ...], read: dict[Path, tuple[Recipe, int]]
) -> tuple[Recipe, int]:
    """A recipe and its number of leaves; `read` has those of files that were read already."""
    path = _SHIPPED / f"{name}.yaml" if name in shipped_recipes() else folder / name
    if not is_file(path, "recipe"):
        if path.suffix in (".yaml", ".yml") or is_prompt_file(path):
            raise InputError(f"recipe file {str(path)!r} does not exist: check the path")
        raise unknown("recipe", name, shipped_recipes())
    own, where = path.resolve(), f"recipe {str(path)!r}"
    if own in parents:
        raise InputError(f"recipe {name!r} merges itself: remove it from `merge`")
    NESTING.check(len(parents) + 1, where, or_more=True)
    if own in read:
        return read[own]
    recipe = Recipe(prompts=path.name) if is_prompt_file(path) else _parse(path)
    found = [_load(part, path.parent, (*parents, own), read) for part in recipe.merge]
    found = spread(found, [recipe.weights.get(part, 1) for part in recipe.merge])
    leaves = sum(number for _, number in found) if recipe.merge else 1
    RECIPE_PARTS.check(leaves, where)
    file = read_prompt_file(path.parent / recipe.prompts) if recipe.prompts else None
    names = read_names_file(path.parent / recipe.names) if recipe.names else None
    parts = tuple(part for part, _ in found)
    found_in = {"name": recipe.name or path.stem, "parts": parts, "file": file, "named": names}
    read[own] = recipe.model_copy(update=found_in), leaves
    return read[own]


def _parse(path: Path) -> Recipe:
    fields = load_yaml(path, "recipe", "correct it")
    if not isinstance(fields, dict):
        raise InputError(
            f"recipe {str(path)!r} must be a mapping with `prompt`, `prompts` or `merge`"
        )
    known = [field for field in Recipe.model_fields if field not in ("parts", "file", "named")]
    for field in fields:
        if field not in known:
            raise unknown(f"field of recipe {str(path)!r}", str(field)[:60], known)
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"recipe {str(path)!r}{f', {place}' if place else ''}: {reason}") from None
