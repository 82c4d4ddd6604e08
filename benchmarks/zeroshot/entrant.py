"""Contenders, as they are before their rounds."""

from __future__ import annotations

from dataclasses import dataclass

from ..harness import BatchSearch
from .answers import Answers
from .names import ZeroshotName


@dataclass(frozen=True)
class Entrant:
    """A contender that is to take its turns, or why it cannot."""

    name: ZeroshotName
    batch_size: int | None = None
    """None: it chooses itself."""
    search: BatchSearch | None = None
    answers: Answers | None = None
    reason: str | None = None
