"""The recipe that an audit recommends, as files that `zeroreal run` takes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ...base.files import write_atomically
from ...base.sides import sides_text
from ...generate import Recipe
from ...generate.plan.weights import spread
from .candidates import Candidate

RECIPE = "recipe.yaml"


def write_recipe(folder: Path, recipe: Recipe) -> Path:
    """Write a recipe, with its parts beside it, and give the path of its file."""
    path = folder / RECIPE
    if recipe.merge:
        _write_merged(path, recipe)
    else:
        write_leaf(path, recipe)
    return path


def _write_merged(path: Path, recipe: Recipe) -> None:
    """Write a recipe that merges others to `path`, with each of them once, and its weights.

    Those of weight 0 are left out.
    """
    weights = [recipe.weights.get(name, 1) for name in recipe.merge]
    turns = spread(range(len(weights)), weights)  # whose turn it is at each of the parts
    found = {}
    for place, part in sorted(dict(zip(turns, recipe.parts, strict=True)).items()):
        file = path.with_stem(f"{path.stem}-{place + 1}")
        if part.merge:
            _write_merged(file, part)
        else:
            write_leaf(file, part)
        found[file.name] = weights[place]
    content = {"name": recipe.name, "description": recipe.description, "merge": list(found)}
    _write(path, content | ({"weights": found} if recipe.weights else {}))


def write_leaf(path: Path, leaf: Recipe) -> None:
    """Write a recipe that merges no others to the file `path`."""
    content = leaf.model_dump(mode="json", exclude_unset=True, exclude={"merge"})
    if leaf.file is not None:
        content["prompts"] = str(Path(leaf.file.path).absolute())
    if leaf.named is not None:
        content["names"] = str(Path(leaf.named.path).absolute())
    guidance = leaf.model_dump(mode="json")["guidance"]
    _write(path, {**content, "name": leaf.name, "guidance": guidance})


def run_command(candidate: Candidate, path: Path, classes: Sequence[str] | None) -> str:
    """The command that generates by the recipe in `path`; None for the classes by default."""
    words = ["zeroreal", "run", "--recipe", str(path)]
    if classes is not None:
        words += ["--classes", ",".join(classes)]
    for flag, value in candidate.options.items():
        words += _option(flag, value)
    return shlex.join(words)


def _option(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    if flag == "--generate-size":
        return [flag, sides_text(value)]
    if flag == "--guidance-interval":
        return [flag, ":".join(f"{level:g}" for level in value)]
    if isinstance(value, tuple):
        return [word for one in value for word in (flag, one)]
    return [flag, str(value)]


def _write(path: Path, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(path, text.encode())
