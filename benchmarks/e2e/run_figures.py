"""What one run of a contender came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunFigures:
    """Seconds and accuracy of one run: from the start of its process to the trained classifier."""

    seconds: float
    """From the start of its process to the end, without the test."""
    startup_seconds: float
    """Interpreter, imports, loading the model, and what is written at the end."""
    generate_seconds: float
    save_seconds: float
    """Of writing images, where there are files."""
    train_seconds: float
    accuracy: float
    """On the real test images."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is to be known, as JSON has it."""
    reasons: tuple[str, ...] = ()
    """Why its times are not to be trusted."""
