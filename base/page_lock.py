"""Host memory that a GPU copies from and to while it and the host do other things."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor

from .errors import InputError
from .sizes import size_text

__all__ = ["page_lock", "staged"]


def page_lock(memory: Tensor, device: torch.device, owner: object) -> None:
    """Lock `memory`, on the host, for copies from and to the GPU `device` while `owner` lives.

    The memory is locked where it lies, because pinned memory that PyTorch allocates is rounded up
    to a power of two. Raises `InputError` where the system does not lock so much.
    """
    cudart = torch.cuda.cudart()
    with torch.cuda.device(device):
        error = cudart.cudaHostRegister(memory.data_ptr(), memory.nbytes, 0)
    if error != cudart.cudaError.success:
        raise InputError(
            f"{size_text(memory.nbytes)} of host memory cannot be page-locked "
            f"({cudart.cudaGetErrorString(error)}): give the pool less of it"
        )
    weakref.finalize(owner, _unlock, memory, device)


def staged(memory: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """These rows of `memory`, on the host, in memory that `device` can copy from at once."""
    # New each time: PyTorch hands pinned memory out again only once the copies from it are done.
    stage = torch.empty(
        len(rows), *memory.shape[1:], dtype=memory.dtype, pin_memory=device.type == "cuda"
    )
    return torch.index_select(memory, 0, rows, out=stage)


def _unlock(memory: Tensor, device: torch.device) -> None:
    torch.cuda.synchronize(device)  # copies may be under way
    torch.cuda.cudart().cudaHostUnregister(memory.data_ptr())
