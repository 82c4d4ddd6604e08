"""What the steps along a model's own trajectories take: ranges of activations are found on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ...engine import Cache
from ..model.parts import PartsChoice

StepInputs = Mapping[str, Tensor]
"""The inputs of one denoising step by name; `noise` is zeros, as it decides nothing of the step."""


class RecordSteps(Protocol):
    """Runs a few of a model's trajectories; handed to engines that are calibrated on them.

    What samples and schedules are, only those know who stand above this package.
    """

    def __call__(
        self,
        folder: Path,
        parts: PartsChoice,
        generate_size: tuple[int, int],
        device: torch.device,
        precision: str,
        cache: Cache,
    ) -> Sequence[StepInputs]:
        """The inputs of every step, on `device`, with text embeddings in `precision`."""
        ...
