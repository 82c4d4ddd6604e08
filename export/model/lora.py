"""A LoRA file as the user names it, with its scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import InputError

if TYPE_CHECKING:
    pass

_PICKLES = (".bin", ".ckpt", ".pt", ".pth")


@dataclass(frozen=True)
class Lora:
    """A LoRA file and how strongly it is merged."""

    path: Path
    """A safetensors file in the format of `diffusers` or of kohya's scripts."""
    scale: float
    """1 is as trained, 0 not at all."""


def parse_lora(text: str) -> Lora:
    """A LoRA from `FILE` or `FILE:SCALE`; `InputError` if the file or the number cannot be used."""
    name, colon, number = text.rpartition(":")
    path = Path(name if colon else text)
    if path.suffix in _PICKLES:
        raise InputError(
            f"LoRA file {str(path)!r} is a pickle, which can run code when loaded: convert it to "
            "safetensors"
        )
    if not path.is_file():
        raise InputError(
            f"LoRA file {str(path)!r} does not exist: give a path and, after a colon, a scale"
        )
    try:
        scale = float(number) if colon else 1.0
    except ValueError:
        scale = math.nan
    if not math.isfinite(scale):
        raise InputError(
            f"scale {number!r} of LoRA file {str(path)!r} is not a finite number: give one such as "
            "0.8"
        )
    return Lora(path, scale)
