"""When the state of a training is saved."""

from __future__ import annotations

import time
from typing import Any, Protocol

from .training import Training


class States(Protocol):
    """Where states of a training are kept; see `CheckpointFolder`."""

    def save(self, state: Any) -> None: ...

    def load(self) -> Any | None: ...


class StateSaver:
    """Saves the state of `training` in `states`, if given, about every so many seconds."""

    def __init__(self, training: Training, states: States | None, seconds: float) -> None:
        self._training, self._states, self._seconds = training, states, seconds
        self._saved = time.monotonic()

    def save_when_due(self) -> None:
        """Save it if it is time, unless a loss or a weight is not finite."""
        if self._states is None or time.monotonic() - self._saved < self._seconds:
            return
        if self._training.is_finite():
            self._states.save(self._training.state_dict())
        self._saved = time.monotonic()
