"""Precision fp8: where it exists, and which layers of a model it narrows, measured once."""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from dataclasses import asdict
from functools import cache as once
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, describe_device, instruction_set, key_digest, library_versions
from ...base.device import FP8, driver_version
from ...base.digest import file_digest
from ...base.reading import parse_json, read_text
from ...engine import Cache, CacheKey
from ..graphs.float8_choice import ALLOWED
from ..graphs.float8_step import LayerRange, measure_layers
from ..graphs.modules import check_attention, load_module
from ..graphs.specs import DENOISE
from ..graphs.steps import DenoiseStep
from ..model.parts import ModelParts
from .choice import MODULES_FROM, EngineChoice

_log = logging.getLogger(__name__)

_FORMAT = 2
_RECORD = "layers.json"
WIDE = torch.bfloat16
"""What is computed in beside the narrow layers."""


def float8_layers(
    parts: ModelParts, choice: EngineChoice, size: tuple[int, int], cache: Cache
) -> dict[str, LayerRange]:
    """Which linear layers of the UNet in `parts` are narrow: measured, or out of `cache`.

    `parts` are those of `choice`, `size` is height and width in pixels. Raises `InputError` for
    a use without trajectories, and for a model of which no layer can be narrow.
    """

    def build(folder: Path) -> None:
        measured = _measured(parts, choice, size, cache)
        content = {name: asdict(found) for name, found in measured.items()}
        (folder / _RECORD).write_text(json.dumps(content, indent=2) + "\n")

    folder = cache.get(_key(parts, choice, size), build)
    record: dict[str, Any] = parse_json(
        read_text(folder / _RECORD, "record"), f"record {str(folder / _RECORD)!r}"
    )
    ranges = {name: LayerRange(**found) for name, found in record.items()}
    narrow = sum(found.is_narrow for found in ranges.values())
    if not narrow:
        raise InputError(
            f"precision {FP8!r} takes linear layers whose sides are multiples of 16, and which put "
            f"the UNet's prediction off by {ALLOWED:.0%} at most: {str(parts.unet)!r} has none "
            f"among {len(ranges)}, use 'bf16'"
        )
    counted = f"{narrow} of {len(ranges)} linear layers of {parts.unet.name}"
    _say(f"fp8: {counted}, {len(ranges) - narrow} left in bf16")
    return ranges


def ranges_digest(ranges: dict[str, LayerRange]) -> str:
    """SHA-256 over all that decides the narrow layers, beside the weights."""
    largest = {name: found.largest for name, found in ranges.items() if found.is_narrow}
    return key_digest({"format": _FORMAT, "largest": largest})


@once
def _say(text: str) -> None:
    """Once in a process: tuning loads engines again and again."""
    _log.warning("%s", text)


def _measured(
    parts: ModelParts, choice: EngineChoice, size: tuple[int, int], cache: Cache
) -> dict[str, LayerRange]:
    if choice.record_steps is None:
        raise InputError(f"precision {FP8!r} is for generating images: use 'bf16' here")
    device = choice.device
    inputs = choice.record_steps(parts.folder, choice.parts, size, device, "bf16", cache)
    step = load_module(DENOISE, parts, WIDE, choice.attention, native=True).to(device).eval()
    assert isinstance(step, DenoiseStep)
    check_attention(step, choice.attention, device)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        return measure_layers(step, inputs)


def _key(parts: ModelParts, choice: EngineChoice, size: tuple[int, int]) -> CacheKey:
    device, libraries = choice.device, library_versions(MODULES_FROM)
    return CacheKey(
        kind="float8",
        name=parts.folder.name,
        graph=parts.digest,
        options={
            "size": list(size),
            "attention": choice.attention,
            "scheduler": file_digest(parts.folder / "scheduler" / "scheduler_config.json"),
            "format": _FORMAT,
        },
        library=" ".join(f"{name} {version}" for name, version in libraries.items()),
        device=f"{describe_device(device)}, {instruction_set(device)}",
        driver=driver_version() if device.type == "cuda" else None,
    )
