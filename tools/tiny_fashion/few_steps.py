"""What the embedded model is distilled on: every template, wording and domain that it knows."""

from __future__ import annotations

import json
from pathlib import Path

from tiny_fashion.captions import CLASS_WORDINGS, captions
from tiny_fashion.domains import DOMAINS

_RECIPES = {
    # The canonical templates get a share of their own: recipes and users use them most.
    "plain-integers": ("prompt: an image of a {class}", ", integers: true"),
    "plain": ("prompt: an image of a {class}", ""),
    "class": ('prompt: "{class}"', ""),
    "captions": ("prompts: captions.json", ""),
    "domain-captions": ("prompts: domain-captions.json", ""),
}
_EQUAL_PARTS = "merge: [plain-integers.yaml, plain.yaml, class.yaml, captions.yaml, {again}]\n"


def write_recipe(folder: Path) -> Path:
    """Write the recipe and the files that it names into `folder`; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: captions(name, None) for name in CLASS_WORDINGS}
    domains = {
        name: [text for domain in DOMAINS for text in captions(name, domain)]
        for name in CLASS_WORDINGS
    }
    for file, prompts in (("captions", plain), ("domain-captions", domains)):
        (folder / f"{file}.json").write_text(json.dumps(prompts, indent=1))
    for name, (source, drawn) in _RECIPES.items():
        text = f"{source}\nguidance: {{uniform: [1, 8]{drawn}}}\n"
        (folder / f"{name}.yaml").write_text(text)
    recipe = folder / "few-steps.yaml"
    again = ", ".join(["domain-captions.yaml"] * 2)
    recipe.write_text(_EQUAL_PARTS.format(again=again))
    return recipe
