"""Stages of classifying: how many noise levels are tried, and how many classes are left then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import InputError

__all__ = ["Stage", "check_stages", "parse_stages", "stage_timesteps"]


@dataclass(frozen=True)
class Stage:
    """So many further `timesteps` for every class that is left, then at most `keep` are left."""

    timesteps: int
    keep: int

    def __str__(self) -> str:
        return f"{self.timesteps}:{self.keep}"


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages from `TIMESTEPS:KEEP`, separated by commas; `InputError` for anything else."""
    stages = []
    for part in text.split(","):
        numbers = part.strip().split(":")
        if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            raise InputError(
                f"{text!r} are no stages: give timesteps and how many classes are kept after them, "
                "such as 4:4,15:1"
            )
        stages.append(Stage(*map(int, numbers)))
    check_stages(stages)
    return tuple(stages)


def check_stages(stages: Sequence[Stage]) -> None:
    """Raise `InputError` for no stage, an empty one, and one that keeps more than are left."""
    if not stages:
        raise InputError("there are no stages: give at least one, such as 10:1")
    for number, stage in enumerate(stages):
        if stage.timesteps < 1 or stage.keep < 1:
            raise InputError(
                f"stage {stage} has to have at least 1 timestep and to keep at least 1 class: give "
                "such as 4:4,15:1"
            )
        if number and stage.keep > stages[number - 1].keep:
            raise InputError(
                f"stage {stage} keeps more classes than the {stages[number - 1].keep} that stage "
                f"{stages[number - 1]} leaves: give stages that keep fewer and fewer"
            )


def stage_timesteps(stages: Sequence[Stage], train_timesteps: int) -> list[list[int]]:
    """The timesteps of each stage, none twice: all together, and each stage's, evenly spaced.

    Raises `InputError` for more than the model was trained on.
    """
    total = sum(stage.timesteps for stage in stages)
    if total > train_timesteps:
        raise InputError(
            f"the stages take {total} timesteps, the model was trained on {train_timesteps}: take "
            "no more than these"
        )
    left = _evenly(range(train_timesteps), total)
    taken = []
    for stage in stages:
        taken.append(_evenly(left, stage.timesteps))
        left = [timestep for timestep in left if timestep not in taken[-1]]
    return taken


def _evenly(values: Sequence[int], count: int) -> list[int]:
    """The middles of `count` equal parts of `values`."""
    return [values[(2 * number + 1) * len(values) // (2 * count)] for number in range(count)]
