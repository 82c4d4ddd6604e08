"""A batch's seconds, taken apart by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...generate.sampling.timeline import Interval
from ..harness.ranges import STEP

HAND_OFF = "hand-off"
STAGES = ("text", "denoise", "vae", "finish", HAND_OFF)
"""In order; they follow each other and make up the whole."""


@dataclass(frozen=True)
class BatchRecord:
    """One batch, from its specs to its images in the caller's hands."""

    began: float
    """By the host's clock."""
    seconds: float
    intervals: tuple[Interval, ...] = ()
    """None where nobody looked at its stages."""

    def stage_seconds(self) -> dict[str, float]:
        """Device seconds of each stage.

        Handing off is what follows the last pixel: checks, and on a GPU the host's waking up.
        """
        taken = {name: sum(one.seconds for one in self.named(name)) for name in STAGES[:-1]}
        return {**taken, HAND_OFF: self.seconds - max(one.ended for one in self.named("finish"))}

    def enqueue_seconds(self) -> dict[str, float]:
        """The host's seconds of giving a GPU the work of each stage, where that was seen."""
        taken = {}
        for name in (*STAGES, STEP):
            given = [one.enqueued for one in self.named(name) if one.enqueued is not None]
            if given:
                taken[name] = sum(ended - began for began, ended in given)
        return taken

    def steps(self) -> list[Interval]:
        """The denoising steps in order."""
        return sorted(self.named(STEP), key=lambda one: one.began)

    def share_of_stages(self) -> float:
        """All stages' seconds as a share of the batch's."""
        return sum(self.stage_seconds().values()) / self.seconds

    def named(self, name: str) -> Sequence[Interval]:
        """The intervals of that name."""
        return [one for one in self.intervals if one.name == name]
