"""Training pairs: real garments, rendered in the ten domains, and such as the pipeline makes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tiny_fashion.captions import CLASS_WORDINGS
from tiny_fashion.data import Garments, draw_batch
from tiny_fashion.settings import Settings
from torch import Tensor

from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.data import load_images
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes

from .captions import DOMAIN_NAMES, LANGUAGES, PHOTO

NAMES = tuple(CLASS_WORDINGS)
_RECIPES = ("random-guidance", "multi-domain")  # half of the images each
_MOST_SHIFT, _MOST_ZOOM = 0.12, 0.15  # of half the side, of the size


@dataclass(frozen=True)
class Generated:
    """What the pipeline made."""

    images: Tensor
    """uint8 `[N, S, S, 3]`."""
    labels: Tensor
    domains: Tensor
    """Both int64 `[N]`."""


def real_garments(source: str, size: int) -> Garments:
    """Labelled photographs of any source that `load_images` reads."""
    loaded = load_images(source, size, NAMES)
    grey = loaded.images.float().mean(3)[:, None] / 255  # [N, 1, S, S]
    return Garments(grey, loaded.labels)


def generate(count: int, seed: int, **how: object) -> Generated:
    """`count` images of the embedded pipeline by random guidance and in many domains."""
    classes = parse_classes(EMBEDDED_CLASSES)
    generator = Generator(**how)
    parts = []
    for recipe in _RECIPES:
        each = max(1, count // len(_RECIPES) // len(classes))
        plan = SamplePlan(load_recipe(recipe), classes, each, seed=seed)
        images, labels = generator.images(plan)
        domains = torch.tensor([_domain_of(spec.prompt) for spec in plan])
        parts.append((images.cpu(), labels.cpu(), domains))
    return Generated(*map(torch.cat, zip(*parts, strict=True)))


def draw_pairs(
    garments: Garments,
    generated: Generated | None,
    size: int,
    real_share: float,
    settings: Settings,
    generator: torch.Generator,
) -> tuple[Tensor, list[str], Tensor]:
    """Images `[B, 3, S, S]` in -1..1, captions, and which of them belong together `[B]`."""
    real = size if generated is None else round(size * real_share)
    images, labels, domains = draw_batch(garments, real, settings, generator)
    if generated is not None:
        rows = torch.randint(len(generated.labels), (size - real,), generator=generator)
        more = generated.images[rows].permute(0, 3, 1, 2).float() / 127.5 - 1
        images = torch.cat([images, more])
        labels = torch.cat([labels, generated.labels[rows]])
        domains = torch.cat([domains, generated.domains[rows]])
    texts = draw_captions(labels, domains, generator)
    return augment(images, generator), texts, labels * len(DOMAIN_NAMES) + domains


def draw_captions(labels: Tensor, domains: Tensor, generator: torch.Generator) -> list[str]:
    """A caption of each image, in a language by its share."""
    draw = random.Random(int(torch.randint(2**31, (), generator=generator)))
    languages, shares = list(LANGUAGES), list(LANGUAGES.values())
    return [
        draw.choice(draw.choices(languages, shares)[0](NAMES[label], domain))
        for label, domain in zip(labels.tolist(), domains.tolist(), strict=True)
    ]


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored or not, shifted and zoomed a little; its border goes on outside."""
    count = len(images)
    zoom = 1 + _MOST_ZOOM * (2 * torch.rand(count, generator=generator) - 1)
    mirror = torch.randint(2, (count,), generator=generator) * 2 - 1
    shift = _MOST_SHIFT * (2 * torch.rand(count, 2, generator=generator) - 1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = zoom * mirror, zoom, shift
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _domain_of(prompt: str) -> int:
    """Which domain a prompt of the shipped recipes asks for; photographs where it names none."""
    found = [number for number, name in enumerate(DOMAIN_NAMES) if f"{name} of" in prompt]
    return max(found, default=PHOTO, key=lambda number: len(DOMAIN_NAMES[number]))
