"""How far the stages of a long job are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StageProgress:
    """How far a stage is, for whoever shows it."""

    stage: str
    done: int
    total: int
    note: str = ""


OnStage = Callable[[StageProgress], None]
