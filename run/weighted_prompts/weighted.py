"""Weighing the domains of a recipe by unlabelled images."""

from __future__ import annotations

from torch import Tensor

from ...base import InputError, resolve_device
from ...data.source import load_unlabelled
from ...encoders import embed_in_blocks, load_encoder, zpe_scores, zpe_weights
from ...generate import Recipe, load_recipe, parse_classes
from ...generate.plan.prompts import fill
from ..encoder_name import encoder_for
from .settings import WeightedPromptsSettings


def weighted_recipe(settings: WeightedPromptsSettings) -> Recipe:
    """The recipe of a plan, with the weights that unlabelled images give to its domains.

    They take the place of the recipe's own, rounded to four digits. Raises `InputError` for a
    recipe without domains, or with attributes or a language, and for what cannot be read.
    """
    recipe = load_recipe(settings.recipe, settings.guidance)
    if not recipe.domains:
        what = "merges others" if recipe.merge else "has no `domains`"
        raise InputError(
            f"recipe {settings.recipe!r} {what}, so that there is nothing to weigh: give one with "
            "a template and several domains, such as multi-domain"
        )
    if more := [one for one in ("attributes", "language", "names") if getattr(recipe, one)]:
        raise InputError(
            f"recipe {settings.recipe!r} has `{more[0]}`, and images weigh domains "
            "alone: leave that out, or write the `weights` yourself"
        )
    classes = parse_classes(settings.classes)
    name = encoder_for(settings.encoder, [item.name for item in classes], "--encoder")
    encoder = load_encoder(name, resolve_device(settings.device))

    def vectors(source: str) -> Tensor:
        return embed_in_blocks(
            encoder, load_unlabelled(source, encoder.image_size, settings.reading)
        )

    assert settings.unlabelled is not None
    texts = [
        [fill(recipe.prompt, item.prompt, domain) for item in classes] for domain in recipe.domains
    ]
    usual = None if settings.pretraining is None else vectors(settings.pretraining)
    scores = zpe_scores(encoder, texts, vectors(settings.unlabelled), usual)
    weights = zpe_weights(scores, settings.prompt_temperature)
    rounded = [float(f"{weight:.4g}") for weight in weights]
    found = {
        "name": f"{recipe.name}-weighted",
        "description": f"{recipe.description}, weighted by real images".lstrip(", "),
        "weights": dict(zip(recipe.domains, rounded, strict=True)),
    }
    return recipe.model_copy(update=found)
