"""What of a recipe decides images, for comparing it with what it was."""

from __future__ import annotations

from typing import Any

from .attributes import all_attributes
from .prompts import asks_dictionary
from .recipe import Recipe
from .wordnet import load_wordnet


def recipe_content(recipe: Recipe) -> dict[str, Any]:
    """The recipe's leaves as plain values, with the digest of the prompts of those with a file.

    A part of a merged recipe that has a weight is there as often as that says.
    """
    return {"name": recipe.name, "leaves": [_leaf_content(leaf) for leaf in recipe.leaves]}


def _leaf_content(leaf: Recipe) -> dict[str, Any]:
    fields = {"name", "prompt", "domains", "negative_prompt", "guidance"}
    content = leaf.model_dump(mode="json", include=fields)
    # Not always, for what earlier versions wrote has none.
    if leaf.attributes:
        content["attributes"] = leaf.model_dump(mode="json", include={"attributes"})["attributes"]
    if leaf.language:
        content["language"] = leaf.language
    if leaf.named is not None:
        content["names"] = leaf.named.digest
    if leaf.weights:
        names = (*leaf.domains, *all_attributes(leaf.attributes))
        content["weights"] = {name: float(leaf.weight_of(name)) for name in names}
    elif leaf.cap is not None:
        content["cap"] = float(leaf.cap)
    if asks_dictionary(leaf.prompt):
        content["wordnet"] = load_wordnet().get_version()
    return content if leaf.file is None else {**content, "prompts": leaf.file.digest}
