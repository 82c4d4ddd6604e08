"""Random numbers of a training's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ...base.readers_writer_lock import RECORDING


@contextmanager
def own_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, PyTorch's default generators start from `seed`; afterwards they are as they were.

    A generator beside may be recording a graph at the start and at the end, which cannot bear that.
    """
    cuda = [device] if device.type == "cuda" else []
    with ExitStack() as outer:
        with RECORDING.shared():
            outer.enter_context(torch.random.fork_rng(devices=cuda))
            torch.manual_seed(seed)
        try:
            yield
        finally:
            with RECORDING.shared():
                outer.close()
