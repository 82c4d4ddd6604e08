"""PyTorch, eagerly: the engine that needs no build, and the reference for those that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ...base.errors import unknown
from ..graph import GraphSpec, Profile, check_inputs

__all__ = ["TorchEngine", "named_outputs"]


class TorchEngine:
    """A module as it is; see `Engine`.

    Args:
        module: takes the inputs of `spec` by name and gives its outputs in order, as a tuple or, of
            one, as the tensor; put on `device` and into evaluation mode.
        spec: what the module takes and gives.
        device: where it runs.
        profile: sizes to refuse, for the same answers as an engine that was built; any size goes
            otherwise.
    """

    backend = "torch"

    def __init__(
        self,
        module: nn.Module,
        spec: GraphSpec,
        device: torch.device,
        profile: Profile | None = None,
    ) -> None:
        self.spec, self.device, self.profile = spec, device, profile or {}
        self._module = module.to(device).eval()

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the module; see `Engine`."""
        check_inputs(self.spec, inputs, self.device, self.profile, "give a size within it")
        results = self._module(**inputs)
        tensors = [results] if isinstance(results, Tensor) else results
        return named_outputs(self.spec, tensors, outputs)


def named_outputs(
    spec: GraphSpec, results: Sequence[Tensor], outputs: Mapping[str, Tensor] | None
) -> dict[str, Tensor]:
    """`results`, in the order of `spec`, by name; copied into those of `outputs` that are given.

    Raises `InputError` for an output that the graph does not give.
    """
    named = {wanted.name: result for wanted, result in zip(spec.outputs, results, strict=True)}
    for name, buffer in (outputs or {}).items():
        if name not in named:
            raise unknown(f"output of {spec.name}", name, named)
        named[name] = buffer.copy_(named[name])
    return named
