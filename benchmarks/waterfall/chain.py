"""The rows of the waterfall: each changes one thing of a row that comes before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base import InputError, unknown
from ...base.device import PRECISIONS
from ...export.engines.choice import VARIANTS

FIRST = "diffusers"
PLAINEST = "fp32"
FEW_STEPS, GUIDANCE_INTERVAL = 4, "guidance-0.6-6"
_ENGINES = ("torch:compiled", *(engine for engine in VARIANTS if engine != "torch"))
_LEVER_WORDS = {
    f"{FEW_STEPS}-steps": f"{FEW_STEPS} denoising steps",
    GUIDANCE_INTERVAL: "guidance at noise levels of 0.6 to 6 alone",
    "deep-cache-2": "every other step takes the deep features of the one before it",
    "tiny-vae": "the model's small VAE decoder",
}
_DISTILLED = {
    "few-step-4": "4 steps by the UNet that was distilled to few, with guidance inside",
    "few-step-4-tiny-vae": "the same with the model's small VAE decoder",
    "few-step-2": "2 steps by that UNet",
}


@dataclass(frozen=True)
class Link:
    """One row of the chain."""

    name: str
    contender: str
    """As `parse_contender` reads it, without a batch size."""
    before: str | None
    """The row that it changes one thing of; None for the first."""
    changes: str
    """What it changes, in words."""


def chain(
    device: str, native: str, steps: int, guided: bool, distilled: bool = False
) -> tuple[Link, ...]:
    """All rows.

    Args:
        device: its type, `cpu` or `cuda`; the latter has CUDA graphs.
        native: the narrowest precision that the device computes natively, which levers go on with.
        steps: denoising steps; the few steps are a row only where they are fewer.
        guided: whether images have guidance, which an interval can spare.
        distilled: whether the model brings a UNet that was distilled to few steps.
    """
    links = [
        Link(FIRST, f"diffusers/{PLAINEST}", None, "diffusers, eager, as it comes"),
        Link(
            "channels-last", f"diffusers:channels-last/{PLAINEST}", FIRST, "memory is channels-last"
        ),
        Link(
            "compile",
            f"diffusers:compiled/{PLAINEST}",
            "channels-last",
            "compiled as its guide says, which fuses projections",
        ),
        Link("openvino", f"optimum:openvino/{PLAINEST}", FIRST, "models in OpenVINO, by optimum"),
        Link(
            "our-loop",
            f"ours:torch/{PLAINEST}/unfused",
            "channels-last",
            "our loop and graphs, eager, with PyTorch's operations in place of our kernels",
        ),
        Link("fused-kernels", f"ours:torch/{PLAINEST}", "our-loop", "our fused kernels"),
    ]
    links += [
        Link(engine, f"ours:{engine}/{PLAINEST}", "fused-kernels", f"engine {engine}")
        for engine in _ENGINES
    ]
    graphs, base = "", "fused-kernels"
    if device == "cuda":
        graphs, base = "/graphs", "cuda-graphs"
        words = "CUDA graphs are replayed"
        links.append(Link(base, f"ours:torch/{PLAINEST}{graphs}", "fused-kernels", words))
    links += [
        Link(name, f"ours:torch/{name}{graphs}", base, f"precision {name}")
        for name in PRECISIONS
        if name != PLAINEST
    ]
    last = base if native == PLAINEST else native
    contender = f"ours:torch/{native}{graphs}"
    for lever, words in _LEVER_WORDS.items():
        spares_nothing = lever == GUIDANCE_INTERVAL and not guided
        if spares_nothing or (lever.endswith("-steps") and steps <= FEW_STEPS):
            continue
        contender = f"{contender}/{lever}"
        links.append(Link(lever, contender, last, words))
        last = lever
    if distilled:
        plain = f"ours:torch/{native}{graphs}"
        links += _distilled_links(plain, base if native == PLAINEST else native)
    return tuple(links)


def _distilled_links(contender: str, before: str) -> list[Link]:
    """Rows that each put the distilled UNet into `contender`."""
    return [Link(name, f"{contender}/{name}", before, words) for name, words in _DISTILLED.items()]


def chosen(links: Sequence[Link], names: Sequence[str]) -> tuple[Link, ...]:
    """The links with these names, in the chain's order; all if there are none.

    Raises `InputError` for a name that is unknown or given twice.
    """
    by_name = {link.name: link for link in links}
    for name in names:
        if name not in by_name:
            raise unknown("row", name, by_name)
        if names.count(name) > 1:
            raise InputError(f"row {name!r} was named twice: once will do")
    return tuple(link for link in links if not names or link.name in names)
