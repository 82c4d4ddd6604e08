"""The one interface behind which every backend runs a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from .graph import GraphSpec, Profile


class Engine(Protocol):
    """A graph ready to run: named tensors in, named tensors out.

    A call enqueues its work on the caller's current stream and waits for nothing. Inputs lie on
    `device` and are left as they were.
    """

    backend: str
    """`torch`, `onnxruntime` or `tensorrt`."""
    spec: GraphSpec
    profile: Profile
    """Ranges of the dimensions; one that is not named may take any size."""
    device: torch.device

    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the graph; results go into those `outputs` that the caller gives, else new tensors.

        Raises `InputError` for tensors that the graph does not take and sizes outside `profile`.
        """
        ...
