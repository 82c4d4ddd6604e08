"""What a diffusion model makes of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Classified:
    """The classes of some images, on the CPU."""

    labels: Tensor
    """int64 `[N]`: of the classes that were left last, the one with the least error."""
    errors: Tensor
    """float32 `[N, K]`: the mean error of each class; NaN where it was no candidate. Those of
    classes that were left out early are of fewer timesteps."""
    evaluations: int
    """How often the UNet was evaluated."""

    def __len__(self) -> int:
        return len(self.labels)


def joined(parts: Sequence[Classified]) -> Classified:
    """All of `parts`, in order."""
    return Classified(
        torch.cat([part.labels for part in parts]),
        torch.cat([part.errors for part in parts]),
        sum(part.evaluations for part in parts),
    )
