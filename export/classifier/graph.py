"""A classifier as one graph: pictures in, probabilities and the likeliest classes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...engine.graph import GraphSpec, TensorSpec
from .square import to_square

INPUT = "images"
OUTPUTS = ("probabilities", "classes", "scores")
REJECTED = "rejected"
"""A further output, of classifiers that can tell what is none of their classes."""
NETWORK = "network"
"""The part of the graph that was trained; its nodes' names begin with this."""
Found = tuple[NDArray[np.float32], NDArray[np.bool_] | None]
"""Probabilities `[N, K]`, and what is rejected, `[N]`, of files that tell."""
Runner = Callable[[NDArray[np.uint8]], Found]
"""What runs a file: pictures, uint8 `[N, H, W, 3]`, to what it finds."""

LISTED = 5
"""How many of the likeliest classes are given, if there are so many."""


class _Mean(nn.Module):
    """The mean of each channel, `[B, C, H, W]` to `[B, C, 1, 1]`."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean((2, 3), keepdim=True)


def _with_means(network: nn.Module) -> nn.Module:
    """The network with means for pooling to one place, of which exporters make nine operators."""
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            network.set_submodule(path, _Mean())
    return network


class ClassifierGraph(nn.Module):
    """A network with all that stands before and after it.

    Args:
        network: normalised images `[N, 3, S, S]` to logits `[N, K]`, in eval mode.
        image_size: S.
        mean: of each channel, which is subtracted from levels of 0 to 1.
        deviation: of each channel, which these are then divided by.
        temperature: what logits are divided by.
        any_size: whether pictures are brought to S; otherwise they have that size.
        rejects: logits to whether each picture is none of the classes, bool `[N]`; None where that
            cannot be told.
        dtype: what the network computes in; what stands around it is in float32.
    """

    factor: Tensor
    offset: Tensor

    def __init__(
        self,
        network: nn.Module,
        image_size: int,
        mean: Sequence[float],
        deviation: Sequence[float],
        temperature: float = 1.0,
        any_size: bool = True,
        rejects: Callable[[Tensor], Tensor] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = _with_means(deepcopy(network)).to(dtype)
        self.image_size, self.dtype = image_size, dtype
        self.temperature, self.any_size, self.rejects = temperature, any_size, rejects
        centre, spread = (torch.tensor(one).view(1, 3, 1, 1) for one in (mean, deviation))
        self.register_buffer("factor", 1 / (255 * spread))
        self.register_buffer("offset", -centre / spread)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pictures, uint8 `[N, H, W, 3]`, as `OUTPUTS` says.

        Those are the probabilities of all classes, float32 `[N, K]`, and of the five likeliest
        their numbers, int64, and probabilities, float32, both `[N, min(5, K)]`. Where it is known
        what to reject, `REJECTED` follows, bool `[N]`.
        """
        pixels = images.float().permute(0, 3, 1, 2)  # TensorRT moves no uint8
        if self.any_size:
            pixels = to_square(pixels, self.image_size)
        normalised = pixels * self.factor + self.offset
        logits = self.network(normalised.to(self.dtype)).float()
        probabilities = (logits / self.temperature).softmax(1)
        scores, classes = probabilities.topk(min(LISTED, probabilities.shape[1]))
        if self.rejects is None:
            return probabilities, classes, scores
        return probabilities, classes, scores, self.rejects(logits)

    def spec(self, classes: int) -> GraphSpec:
        """What the graph takes and gives for so many classes."""
        listed = min(LISTED, classes)
        side: tuple[int | str, ...] = (self.image_size, self.image_size)
        shape = ("batch", *(("height", "width") if self.any_size else side), 3)
        probabilities, numbers, scores = OUTPUTS
        rejected = TensorSpec(REJECTED, torch.bool, ("batch",))
        return GraphSpec(
            "classifier",
            (TensorSpec(INPUT, torch.uint8, shape),),
            (
                TensorSpec(probabilities, torch.float32, ("batch", classes)),
                TensorSpec(numbers, torch.int64, ("batch", listed)),
                TensorSpec(scores, torch.float32, ("batch", listed)),
                *([] if self.rejects is None else [rejected]),
            ),
        )

    def example(self) -> Tensor:
        """Pictures to trace with: two or more of everything that is to stay free."""
        side = self.image_size
        height, width = (side + 3, side + 8) if self.any_size else (side, side)
        return torch.zeros(2, height, width, 3, dtype=torch.uint8)
