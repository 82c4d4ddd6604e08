"""Working memory shared by engines; a CPU's memory serves as well to count it."""

import torch

from zeroreal.engine.tensorrt.arena import ActivationArena

CPU = torch.device("cpu")


def test_a_block_is_as_large_as_the_neediest_engine_asks():
    arena = ActivationArena(CPU)
    for size in (1000, 5000, 2000):
        arena.reserve(size)
    assert arena.block().numel() == 5000
    assert arena.block().dtype == torch.uint8
    assert arena.block() is arena.block()


def test_a_block_that_grows_leaves_the_one_before_to_recorded_graphs():
    arena = ActivationArena(CPU)
    arena.reserve(1000)
    first = arena.block().fill_(7)
    address = first.data_ptr()
    del first
    arena.reserve(1_000_000)
    assert arena.block().numel() == 1_000_000
    assert arena.block().data_ptr() != address
    other = torch.empty(1000, dtype=torch.uint8)  # would get the memory if it had been freed
    assert other.data_ptr() != address


def test_engines_that_need_none_get_an_address_all_the_same():
    arena = ActivationArena(CPU)
    arena.reserve(0)
    assert arena.block().data_ptr() != 0
