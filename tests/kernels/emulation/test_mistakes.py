"""What the emulation of CUDA finds, and what it computes where there is nothing to find."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from emulated_cuda import EmulatedLibrary, Emulation, Launch
from torch import Tensor

from zeroreal.kernels._operators import POINTER, NativeKernel

MISTAKES = {
    "misaligned_vector": r"misaligned access at mistakes.cu:\d+",
    "reads_beyond_the_end": r"reads 4 bytes at byte 256 of tensor 0, which has 256",
    "writes_before_the_beginning": r"writes 4 bytes at byte -4 of tensor 0",
    "index_beyond_a_local_array": r"index out of bounds at mistakes.cu:\d+",
    "float_too_large_for_an_integer": r"a float that no integer of the type holds",
    "integer_that_overflows": r"overflow of \* at mistakes.cu:\d+",
    "division_by_zero": r"a division by 0",
    "shift_by_too_much": r"a shift by too much",
    "race_in_shared_memory": r"of values, .*: a barrier is missing|no thread of the block wrote",
    "race_of_readers_with_a_writer": r"of value, .*: a barrier is missing",
    "race_of_an_atomic_with_a_plain_access": r"byte 0 of tensor 0, .*: a barrier is missing",
    "race_of_blocks": r"byte 0 of tensor 0, .* while another thread writes it",
    "shared_memory_not_written": r"of dynamic shared memory, .* no thread of the block wrote",
    "beyond_shared_memory": r"at byte 256 of dynamic shared memory, which has 256",
    "much_static_shared_memory": r"bytes of shared memory, more than 49152",
    "copy_not_waited_for": r"of dynamic shared memory, .* no thread of the block wrote",
    "copy_not_committed": r"of dynamic shared memory, .* no thread of the block wrote",
    "copy_of_another_thread": r"a barrier is missing|no thread of the block wrote",
    "copy_beyond_the_end": r"reads 4 bytes at byte 256 of tensor 0, which has 256",
    "misaligned_copy": r"a misaligned copy of 8 bytes",
    "copy_of_two_bytes": r"copies 2 bytes .*, not 4, 8 or 16",
    "copy_to_a_tensor": r"to what is not shared memory",
    "barrier_for_some": r"10 of 64 threads wait at the barrier at mistakes.cu:\d+",
    "two_barriers_at_once": r"at the barrier at mistakes.cu:\d+ while others are at mistakes.cu",
    "shuffle_of_some_lanes": r"not all lanes of a warp reach its __shfl_xor_sync",
    "different_shuffles": r"is at __shfl_\w+ while its warp is at __shfl_\w+",
    "too_many_threads": r"the number of threads is 1025, not 1 to 1024",
    "no_blocks": r"the grid's x is 0",
    "too_high_a_grid": r"the grid's y is 65536, not 1 to 65535",
    "too_much_shared_memory": r"49153 bytes of shared memory, more than 49152",
    "more_than_is_allowed": r"65537 bytes of shared memory, more than 65536",
    "more_than_the_gpu_has": r"invalid argument",
    "another_kernel_allowed": r"65536 bytes of shared memory, more than 49152",
    "other_device_allowed": r"work for device 0, not 1",
    "other_stream": r"work on another stream than the caller's",
    "other_device": r"work for device 0, not 1",
    "memset_beyond_the_end": r"sets 257 bytes at byte 0 of tensor 0, which has 256",
}


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library(Path(__file__).with_name("mistakes.cu"))


def run(library: EmulatedLibrary, name: str, size: int = 64, seed: int = 0) -> Tensor:
    """What a kernel makes of 0, 1, 2, ..."""
    data = torch.arange(float(size))
    library.launch(NativeKernel(name, (POINTER,)), data, seed=seed)
    return data


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_in_every_order(library: EmulatedLibrary, name: str, seed: int) -> None:
    with pytest.raises(RuntimeError, match=MISTAKES[name]):
        run(library, name, seed=seed)


def test_after_a_mistake_kernels_run_as_before(library: EmulatedLibrary) -> None:
    with pytest.raises(RuntimeError):
        run(library, "race_in_shared_memory")
    for name in ("reversed_by_shared_memory", "reversed_by_copies"):
        assert torch.equal(run(library, name), torch.arange(63.0, -1.0, -1.0))


def test_launches_are_told_and_need_not_run(library: EmulatedLibrary) -> None:
    data = torch.arange(64.0)
    kernel = NativeKernel("reversed_by_copies", (POINTER,))
    launches = library.launch(kernel, data, runs=False)
    assert launches == (Launch("kernel", (1, 1), 64, 256),)
    assert torch.equal(data, torch.arange(64.0))
    assert library.launch(kernel, data) == launches
    assert not torch.equal(data, torch.arange(64.0))


LIMITS = [
    *("highest_grid", "largest_block", "most_shared_memory"),
    *("all_that_is_allowed", "all_that_the_gpu_has"),
]


@pytest.mark.parametrize("name", LIMITS)
def test_a_launch_at_the_limits_is_none(library: EmulatedLibrary, name: str) -> None:
    run(library, name)


def test_threads_run_in_an_order_that_the_seed_decides(library: EmulatedLibrary) -> None:
    orders = [run(library, "order_of_threads", seed=seed).tolist() for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3
    for order in orders:
        assert sorted(order) == list(range(64))


def test_warps_exchange_values(library: EmulatedLibrary) -> None:
    threads = torch.arange(64)
    lane, begin = threads % 32, threads // 32 * 32
    wanted = [32 * begin + 31 * 16, begin + 31, (lane + 1).clamp(max=31), lane ^ 1]
    assert torch.equal(run(library, "exchanges", 256).view(64, 4), torch.stack(wanted, 1).float())
