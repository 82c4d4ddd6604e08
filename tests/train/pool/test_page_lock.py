"""Host memory locked for the GPU, with a stand-in for the CUDA runtime."""

import contextlib
import gc
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base import page_lock as host_memory
from zeroreal.train import ImagePool

CPU = torch.device("cpu")


@pytest.fixture
def driver(monkeypatch):
    """A CUDA runtime that notes what is locked, and locks no more than 1 MiB."""
    locked = {}

    def register(address, size, flags):
        if size > 2**20:
            return "no memory"
        locked[address] = size
        return "success"

    cudart = SimpleNamespace(
        cudaError=SimpleNamespace(success="success"),
        cudaGetErrorString=str,
        cudaHostRegister=register,
        cudaHostUnregister=locked.pop,
    )
    monkeypatch.setattr(torch.cuda, "cudart", lambda: cudart)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return locked


def test_host_memory_is_locked_to_the_byte_for_as_long_as_its_owner_lives(driver):
    memory, owner = torch.empty(1000, dtype=torch.uint8), ImagePool(1, 4, CPU)
    host_memory.page_lock(memory, CPU, owner)
    assert driver == {memory.data_ptr(): 1000}
    del owner
    gc.collect()
    assert driver == {}


def test_memory_that_cannot_be_locked_is_said_so(driver):
    memory = torch.empty(2**21, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"2 MiB of host memory .* \(no memory\): give the pool"):
        host_memory.page_lock(memory, CPU, memory)
    assert driver == {}
