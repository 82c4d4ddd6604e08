"""What docs/kernels.md says of group norm: which images are read once, and the bytes that moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from emulated_cuda import GPUS, EmulatedLibrary, Gpu, Launch
from torch import nn

from zeroreal.export.graphs.fused_norms import GroupNormSilu, fuse_norms
from zeroreal.export.model.random_weights import architecture, bare_modules

pytest.importorskip("diffusers")

DOCUMENT = Path(__file__).parents[3] / "docs" / "kernels.md"
GROUPS, BYTES = 32, 2  # of all of the models; of a value
ADDED = {"text_embeds": (1, 1280), "time_ids": (1, 6)}

Norms = Counter[tuple[int, int]]
Ways = Callable[..., tuple[Launch, ...]]


def norms_of(model: nn.Module, *shapes: tuple[int, ...], **added: Any) -> Norms:
    """How often images of which channels and side are normalised in one call."""
    found: Norms = Counter()

    def count(layer: GroupNormSilu, inputs: tuple[torch.Tensor, ...]) -> None:
        assert layer.groups == GROUPS
        side = round(inputs[0].shape[2:].numel() ** 0.5)  # of an image, or of tokens
        found[inputs[0].shape[1], side] += 1

    for layer in fuse_norms(model).modules():
        if isinstance(layer, GroupNormSilu):
            layer.register_forward_pre_hook(count)
    with torch.no_grad(), torch.device("meta"):
        model(*map(torch.empty, shapes), **added)
    return found


@pytest.fixture(scope="module")
def norms() -> dict[str, Norms]:
    """Of 512x512 pixels."""
    found = {}
    for name, key in (("SD 1.5", "sd15"), ("SDXL", "sdxl")):
        modules = bare_modules(architecture(key))
        unet, latents = modules["unet"], (1, 4, 64, 64)
        added = {name: torch.empty(shape, device="meta") for name, shape in ADDED.items()}
        context = (1, 77, unet.config.cross_attention_dim)
        given = {"added_cond_kwargs": added} if key == "sdxl" else {}
        found[name] = norms_of(unet, latents, (1,), context, **given)
    found["VAE"] = norms_of(modules["vae"].decoder, latents)
    return found


def way(launches: tuple[Launch, ...], gpu: Gpu) -> str:
    if len(launches) == 3:
        return "twice"
    groups = GROUPS // launches[0].grid[0]
    blocks = min(2, (gpu.multiprocessor << 10) // (launches[0].shared + (1 << 10)))
    return f"{groups}, {blocks} at once"


def rows(norms: dict[str, Norms], library: EmulatedLibrary, launches_of: Ways) -> Iterator[str]:
    """Of the table of images."""
    for channels, side in sorted(set().union(*norms.values()), key=lambda x: (x[1], x[0])):
        ways = [
            way(launches_of(library, (1, channels, side, side), GROUPS, gpu=gpu), gpu)
            for gpu in (GPUS["sm_86"], GPUS["sm_80"], GPUS["sm_90"])
        ]
        size = channels * side**2 * BYTES
        cells = [f"{channels} x {side} x {side}"]
        cells += [str(found[channels, side] or "") for found in norms.values()]
        cells += [f"{size / GROUPS / 1024:g}", *ways]
        cells += [f"{2 * size / 1e6:.3g}", f"{3 * size / 1e6:.3g}"]
        yield f"| {' | '.join(cells)} |"


def moved(found: Norms, images: int, times: Callable[[tuple[int, int]], int]) -> str:
    """GB that the norms of one call move."""
    total = sum(
        number * times(image) * image[0] * image[1] ** 2 * BYTES for image, number in found.items()
    )
    return f"{images * total / 1e9:.3g}"


def sums(norms: dict[str, Norms], library: EmulatedLibrary, launches_of: Ways) -> Iterator[str]:
    """Of the table of whole calls."""
    for (name, found), images in zip(norms.items(), (64, 64, 32), strict=True):
        cells = [name, str(images), moved(found, images, lambda image: 3)]
        for gpu in (GPUS["sm_86"], GPUS["sm_80"], GPUS["sm_90"]):

            def times(image: tuple[int, int], gpu: Gpu = gpu) -> int:
                shape = (1, image[0], image[1], image[1])
                return 2 if len(launches_of(library, shape, GROUPS, gpu=gpu)) == 1 else 3

            cells.append(moved(found, images, times))
        yield f"| {' | '.join(cells)} |"


@pytest.mark.slow
def test_the_tables_are_what_the_kernels_choose(
    norms: dict[str, Norms], library: EmulatedLibrary, launches_of: Ways
) -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    written = [line for line in lines if line.startswith("|") and line[2:3].isalnum()]
    wanted = [*rows(norms, library, launches_of), *sums(norms, library, launches_of)]
    assert [line for line in written if line.split()[1] not in ("image", "call")] == wanted
