"""Weights that are kept while training goes on, to come back to where it diverges."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


class KeptWeights:
    """Copies of the weights and statistics of `modules`, as they are when it is made.

    `what` says what they are, in a message: "the weights from before training".
    """

    def __init__(self, modules: Sequence[nn.Module], what: str) -> None:
        self.what = what
        self._modules = modules
        self._values = [
            {name: value.clone() for name, value in module.state_dict().items()}
            for module in modules
        ]

    def keep(self, what: str) -> None:
        """Keep the present weights instead, in the same memory: new memory would take longer."""
        self.what = what
        for module, kept in zip(self._modules, self._values, strict=True):
            for name, value in module.state_dict().items():
                kept[name].copy_(value)

    def restore(self) -> None:
        """Give the modules the weights that are kept."""
        for module, values in zip(self._modules, self._values, strict=True):
            module.load_state_dict(values)
