"""Streams that have a part of a GPU's multiprocessors to themselves (CUDA green contexts)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

__all__ = ["is_on_part", "stream_of_part"]

_is_on_part: ContextVar[bool] = ContextVar("is_on_part", default=False)


@contextmanager
def stream_of_part(stream: torch.cuda.Stream) -> Iterator[None]:
    """Inside, this thread's work goes to `stream`, which has but a part of the GPU."""
    token = _is_on_part.set(True)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        _is_on_part.reset(token)


def is_on_part() -> bool:
    """Whether the current stream has but a part of the GPU: other streams would leave the part."""
    return _is_on_part.get()
