"""What a few-step UNet was distilled for: a record beside its weights, which its users follow."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.foreign import check_fields
from ...base.printable import short
from .json_files import read_json

RECORD = "distilled.json"
LORA_FILE = "pytorch_lora_weights.safetensors"
"""The name by which `load_lora_weights` of `diffusers` finds a LoRA in a folder."""
EMBEDDING_FILE = "guidance_embedding.safetensors"
"""Holds `time_embedding.cond_proj.weight`, which tells a UNet of guidance."""
_FORMAT = 1


@dataclass(frozen=True)
class LoraRecord:
    """The LoRA that makes a model's own UNet the distilled one."""

    rank: int
    """Of each of its layers."""
    digests: dict[str, str]
    """SHA-256 of `LORA_FILE` and `EMBEDDING_FILE`, which serve together only."""


@dataclass(frozen=True)
class Distilled:
    """How a distilled UNet is to be run."""

    scheduler: str
    """As `load_scheduler` takes it."""
    timestep_offsets: dict[int, float]
    """What to add to the scheduler's timesteps, by the number of steps; others are not served."""
    guidance: tuple[float, float]
    """The lowest and the highest guidance scale that it learnt."""
    prediction_type: str
    """Of the outputs, as in the teacher's scheduler."""
    teacher: str
    """SHA-256 of the teacher, by `source_digest`: latents of another are none that it knows."""
    lora: LoraRecord | None = None
    """Where only a LoRA was distilled; None for a whole UNet."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of steps that it serves, the most first."""
        return tuple(sorted(self.timestep_offsets, reverse=True))

    def write(self, unet: Path) -> None:
        """Write the record into the UNet's own folder."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        content = {"format": _FORMAT, **values}
        (unet / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_distilled(unet: Path) -> Distilled | None:
    """The record in the UNet's own folder; None where there is none, `InputError` for a bad one."""
    path = unet / RECORD
    if not path.is_file():
        return None
    where, remedy = f"model file {str(path)!r}", "copy the UNet again"
    content = read_json(path)
    if (found := content.get("format")) != _FORMAT:
        raise InputError(f"{where} has {short(found)} as 'format': {_FORMAT} is needed; {remedy}")
    record = check_fields(Distilled, content, where, remedy)
    low, high = record.guidance
    if not -math.inf < low <= high < math.inf:
        raise InputError(
            f"{where} has {low:g} to {high:g} as 'guidance': the lower first; {remedy}"
        )
    offsets = record.timestep_offsets
    if not offsets or min(offsets) < 1 or not all(map(math.isfinite, offsets.values())):
        raise InputError(
            f"{where} has {short(offsets)} as 'timestep_offsets': numbers of steps, and what to "
            f"add to their timesteps, are needed; {remedy}"
        )
    if record.lora is not None:
        _check_lora(record.lora, where, remedy)
    return record


def _check_lora(lora: LoraRecord, where: str, remedy: str) -> None:
    if lora.rank < 1:
        raise InputError(f"{where} has {lora.rank} as 'lora.rank': 1 or more is needed; {remedy}")
    if set(lora.digests) != {LORA_FILE, EMBEDDING_FILE}:
        raise InputError(
            f"{where} has {short(lora.digests)} as 'lora.digests': those of {LORA_FILE} and "
            f"{EMBEDDING_FILE} are needed; {remedy}"
        )
