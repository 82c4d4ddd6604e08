"""A module that computes in float32, whatever its weights are stored in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def float32_weights(module: nn.Module) -> Iterator[None]:
    """Each layer's weights become float32 for the time that it computes.

    So a model runs in float32 with no second copy of all its weights.
    """
    handles: list[RemovableHandle] = []
    for layer in module.modules():
        narrow = [p for p in layer.parameters(recurse=False) if p.dtype != torch.float32]
        if narrow:
            handles += _widen_while_computing(layer, narrow)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _widen_while_computing(
    layer: nn.Module, parameters: Sequence[nn.Parameter]
) -> tuple[RemovableHandle, RemovableHandle]:
    stored: list[Tensor] = []

    def widen(*_: object) -> None:
        stored[:] = [parameter.data for parameter in parameters]
        for parameter in parameters:
            parameter.data = parameter.data.float()

    def restore(*_: object) -> None:
        for parameter, data in zip(parameters, stored, strict=True):
            parameter.data = data
        stored.clear()

    return (
        layer.register_forward_pre_hook(widen),
        layer.register_forward_hook(restore, always_call=True),  # after an error, too
    )
