"""What an epoch comes to: sums on the device while it lasts, and the means that are reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class EpochReport:
    """Means over one virtual epoch, on augmented training images."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float


@dataclass
class EpochSums:
    """Of an epoch so far, on the device: reading them in the loop would wait for every step."""

    loss: Tensor
    hits: Tensor
    samples: int
    bad_step: Tensor
    """The first batch whose loss is not finite; -1 while there is no such batch."""

    @classmethod
    def zero(cls, device: torch.device) -> EpochSums:
        no_batch = torch.full((), -1, device=device)
        return cls(torch.zeros((), device=device), torch.zeros((), device=device), 0, no_batch)

    def add(self, loss: Tensor, hits: Tensor, samples: int, batch: int) -> None:
        """Add a batch: its mean loss, its correctly classified images, its size and its number."""
        self.loss += loss * samples
        self.hits += hits
        self.samples += samples
        self.bad_step.masked_fill_(~loss.isfinite() & (self.bad_step < 0), batch)

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "hits": self.hits, "n": self.samples}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.loss.copy_(state["loss"])
        self.hits.copy_(state["hits"])
        self.samples = state["n"]
