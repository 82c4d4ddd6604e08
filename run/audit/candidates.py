"""What is compared: a recipe with settings of generating, or a dataset that is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from ...base.errors import InputError, unknown
from ...base.settings import changed, read_values, values_of
from ...base.yaml_files import parse_yaml
from ...generate import Recipe
from ...generate.plan.settings import PlanSettings, parse_guidance
from ...generate.settings import GenerateSettings
from ...generate.suited import suited_recipe

_DEFAULT = PlanSettings().recipe
_KNOWN = {"guidance", "images", *(one.name for one in fields(GenerateSettings))}


@dataclass(frozen=True)
class Candidate:
    """One of what an audit compares."""

    name: str
    """As the user wrote it."""
    recipe: Recipe | None
    """None of a dataset."""
    generate: GenerateSettings
    images: str | None = None
    """The dataset; None where images are generated."""

    @property
    def options(self) -> dict[str, Any]:
        """What `zeroreal run` has to be told beside the recipe, by option."""
        told = {}
        for value in values_of(GenerateSettings):
            if value.path[-1] in changed(self.generate):
                told[value.flag] = getattr(self.generate, value.path[-1])
        return told


def parse_candidates(texts: Sequence[str], base: GenerateSettings) -> tuple[Candidate, ...]:
    """The candidates that texts such as `random-guidance,steps=8` name.

    `base` has the settings that they have in common. Raises `InputError` for what is no recipe and
    no setting, for values out of range, and for the same text twice.
    """
    found: dict[str, Candidate] = {}
    for text in texts:
        if text in found:
            raise InputError(f"candidate {text!r} is there twice: leave one of them out")
        found[text] = _parse(text, base)
    return tuple(found.values())


def _parse(text: str, base: GenerateSettings) -> Candidate:
    first, *rest = text.split(",")
    recipe, given = (_DEFAULT, [first, *rest]) if "=" in first else (first, rest)
    named = [_named(one, text) for one in given]
    settings = dict(named)
    if len(settings) < len(named):
        raise InputError(f"candidate {text!r} has a setting twice: leave one of them out")
    if (images := settings.pop("images", None)) is not None:
        if settings or recipe != _DEFAULT or "=" not in first:
            raise InputError(
                f"candidate {text!r} names a dataset, whose images are there already, and how to "
                f"generate: give images={images} alone"
            )
        return Candidate(text, None, base, images)
    guidance = settings.pop("guidance", None)
    where = f"candidate {text!r}"
    content = {name: _content(name, value, where) for name, value in settings.items()}
    values = read_values(GenerateSettings, content, where)
    try:
        generate = replace(base, **values)
        plan = PlanSettings(
            recipe=recipe, guidance=None if guidance is None else parse_guidance(guidance)
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Candidate(text, suited_recipe(plan, generate), generate)


def _named(one: str, text: str) -> tuple[str, str]:
    name, equals, value = one.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not value:
        raise InputError(
            f"candidate {text!r} has {one!r} where a setting and its value were expected: write "
            "such as steps=8"
        )
    if name not in _KNOWN:
        raise unknown(f"setting of candidate {text!r}", name, _KNOWN)
    return name, value.strip()


def _content(name: str, text: str, where: str) -> Any:
    """The value as `read_values` takes it: text that has a reader, or is text, as it is."""
    (value,) = (one for one in values_of(GenerateSettings) if one.path == (name,))
    if value.option.read is not None or str in (value.type, *get_args(value.type)):
        return [text] if value.type == tuple[str, ...] else text
    try:
        return parse_yaml(text, where)
    except ValueError:
        return text  # which is of a wrong type
