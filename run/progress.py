"""How far a run is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a stage is, for whoever shows it."""

    stage: str
    done: int
    total: int
    note: str = ""
