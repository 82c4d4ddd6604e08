"""What a few-step UNet was distilled for: a record beside its weights, which its users follow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from .json_files import read_json

RECORD = "distilled.json"
_FORMAT = 1


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

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of steps that it serves, the most first."""
        return tuple(sorted(self.timestep_offsets, reverse=True))

    def write(self, unet: Path) -> None:
        """Write the record into the UNet's own folder."""
        content = {"format": _FORMAT, **asdict(self)}
        (unet / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_distilled(unet: Path) -> Distilled | None:
    """The record in the UNet's own folder; None where there is none, `InputError` for a bad one."""
    path = unet / RECORD
    if not path.is_file():
        return None
    content: dict[str, Any] = read_json(path)
    try:
        if (found := content.pop("format")) != _FORMAT:
            raise ValueError(f"its format is {found}, not {_FORMAT}")
        offsets = {int(steps): float(add) for steps, add in content["timestep_offsets"].items()}
        low, high = map(float, content["guidance"])
        if not offsets or min(offsets) < 1:
            raise ValueError("it serves no number of steps")
        return Distilled(**{**content, "timestep_offsets": offsets, "guidance": (low, high)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{str(path)!r} cannot be read ({reason}): copy the UNet again") from None
