"""What of a recipe decides images, for comparing it with what it was."""

from __future__ import annotations

from typing import Any

from .recipe import Recipe


def recipe_content(recipe: Recipe) -> dict[str, Any]:
    """The recipe's leaves as plain values, with the digest of the prompts of those with a file."""
    return {"name": recipe.name, "leaves": [_leaf_content(leaf) for leaf in recipe.leaves]}


def _leaf_content(leaf: Recipe) -> dict[str, Any]:
    fields = {"name", "prompt", "domains", "negative_prompt", "guidance"}
    content = leaf.model_dump(mode="json", include=fields)
    return content if leaf.file is None else {**content, "prompts": leaf.file.digest}
