"""Which images the CUDA kernel of `group_norm_silu` reads once, and that way at its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import FLOAT32_ONLY, GPUS, EmulatedLibrary, Emulation, Launch
from torch import Tensor

from zeroreal.kernels._group_norm_silu import TWO_READS

Run = Callable[..., Tensor]
Launches = Callable[..., tuple[Launch, ...]]

SUMS = 3 * 16 * 4  # bytes for each group of a block: three sums of 16 warps
NEVER = 0

# Channels and side of images in bfloat16, normalised in 32 groups: the groups of a block by GPU.
RUNS = [
    # 20 bytes a pixel and group; two blocks of 80 KiB find room in 164 and 228 KiB, one in 100.
    ((320, 64), {"sm_80": 1, "sm_86": 1, "sm_90": 1}),
    # 160 KiB: one block in 163 and 227.
    ((640, 64), {"sm_80": 1, "sm_86": NEVER, "sm_90": 1}),
    # 240 KiB.
    ((960, 64), {"sm_80": NEVER, "sm_86": NEVER, "sm_90": NEVER}),
    # 20 KiB: of 4 groups, 80 bytes, two blocks; of 2 in 100 KiB.
    ((320, 32), {"sm_80": 4, "sm_86": 2, "sm_90": 4}),
    # 40 KiB of 40 bytes: two blocks of 2, or of 1.
    ((640, 32), {"sm_80": 2, "sm_86": 1, "sm_90": 2}),
    ((1280, 32), {"sm_80": 1, "sm_86": 1, "sm_90": 1}),
    # 20 KiB of 80 bytes: 2 are five sectors, and more would be no better.
    ((1280, 16), {"sm_80": 2, "sm_86": 2, "sm_90": 2}),
    # 160 bytes, whole sectors.
    ((2560, 8), {"sm_80": 1, "sm_86": 1, "sm_90": 1}),
    # The VAE's.
    ((512, 64), {"sm_80": 1, "sm_86": NEVER, "sm_90": 1}),
    ((128, 512), {"sm_80": NEVER, "sm_86": NEVER, "sm_90": NEVER}),
]


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize(("image", "runs"), RUNS)
def test_a_run_is_what_leaves_room_for_two_blocks_in_the_largest_pieces(
    library: EmulatedLibrary,
    image: tuple[int, int],
    runs: dict[str, int],
    gpu: str,
    launches_of: Launches,
) -> None:
    channels, side = image
    launches = launches_of(library, (3, channels, side, side), 32, gpu=GPUS[gpu])
    groups = runs[gpu]
    if groups == NEVER:
        names = [launch.kernel for launch in launches]
        assert names[:2] == ["part_moments<T, N>", "group_norms"]
        assert len(names) == 3
        return
    (launch,) = launches
    assert launch.kernel.startswith("normalise_runs<")
    assert launch.grid == (32 // groups, 3)
    assert launch.shared == groups * (side**2 * channels // 32 * 2 + SUMS)


@pytest.mark.parametrize(
    ("channels", "groups", "dtype", "run"),
    [
        (32, 32, torch.bfloat16, 16),  # 2 bytes each
        (24, 24, torch.bfloat16, 8),  # as many as divide the groups
        (33, 11, torch.float32, 1),
        (64, 1, torch.float32, 1),
        (64, 16, torch.float32, 2),
    ],
)
def test_a_run_divides_the_groups(
    library: EmulatedLibrary,
    channels: int,
    groups: int,
    dtype: torch.dtype,
    run: int,
    launches_of: Launches,
) -> None:
    (launch,) = launches_of(library, (2, channels, 5, 5), groups, dtype)
    assert launch.grid == (groups // run, 2)


def test_the_batch_does_not_change_the_way(library: EmulatedLibrary, launches_of: Launches) -> None:
    for side in (64, 8):
        one, many = (launches_of(library, (batch, 320, side, side), 32) for batch in (1, 66000))
        assert [launch.kernel for launch in one] == [launch.kernel for launch in many]
        assert one[0].grid[0] == many[0].grid[0]
        assert many[0].grid[1] == 65535


def test_a_run_wider_than_a_block_has_threads_is_read_twice(
    library: EmulatedLibrary, launches_of: Launches
) -> None:
    for channels, launches in ((4 * 512, 1), (4 * 513, 3)):  # in pieces of four
        assert len(launches_of(library, (1, channels, 1, 1), 1, torch.float32)) == launches


@pytest.mark.parametrize(("pixels", "run"), [(1244, 2), (1245, 1)])
def test_two_blocks_leave_room_for_what_is_reserved_for_each(
    library: EmulatedLibrary, pixels: int, run: int, launches_of: Launches
) -> None:
    # 49 KiB are 1244 pixels of 40 bytes, and the sums of two groups.
    assert ((49 << 10) - 2 * SUMS) // 40 == 1244
    (launch,) = launches_of(library, (1, 320, pixels, 1), 32, gpu=GPUS["sm_86"])
    assert launch.grid == (32 // run, 1)


@pytest.mark.parametrize(("pixels", "launches"), [(6324, 1), (6325, 3)])
def test_a_group_that_just_fits_is_read_once_and_the_next_is_not(
    library: EmulatedLibrary,
    pixels: int,
    launches: int,
    launches_of: Launches,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    # 99 KiB are 6324 pixels of 16 bytes, and the sums of one group.
    assert (99 << 10) - SUMS == 6324 * 16
    shape = (1, 8, pixels, 1)
    assert len(launches_of(library, shape, 1, gpu=GPUS["sm_86"])) == launches
    images, weight, bias, shift = random_inputs(shape, torch.bfloat16)
    arguments = (images, weight, bias, 1, 1e-5, True, shift)
    assert_no_worse(run_emulated(library, *arguments), *arguments)


@pytest.mark.parametrize("run", [1, 2, 4, 8])
def test_any_run_that_is_asked_for_gives_the_same(
    library: EmulatedLibrary,
    run: int,
    run_emulated: Run,
    launches_of: Launches,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    shape = (2, 40, 9, 4)  # 10 bytes a pixel and group
    assert launches_of(library, shape, 8, run=run)[0].grid == (8 // run, 2)
    images, weight, bias, shift = random_inputs(shape, torch.bfloat16)
    arguments = (images, weight, bias, 8, 1e-5, True, shift)
    assert_no_worse(run_emulated(library, *arguments, run=run), *arguments)


@pytest.mark.parametrize("run", [2, 3])
def test_a_run_that_cannot_be_is_refused(
    library: EmulatedLibrary, run: int, launches_of: Launches
) -> None:
    shape = (1, 640, 64, 64)  # of which a GPU's shared memory holds one
    assert len(launches_of(library, shape, 32, run=1)) == 1
    assert len(launches_of(library, shape, 32, run=TWO_READS)) == 3
    with pytest.raises(RuntimeError, match="invalid argument"):
        launches_of(library, shape, 32, run=run)
    with pytest.raises(RuntimeError, match="invalid argument"):
        launches_of(library, (1, 64, 4, 4), 32, run=3)


# Edits of group_norm_one_read.h, and what is said of each.
MISTAKES = {
    "no-wait": ("__pipeline_wait_prior(0);", "", "no thread of the block wrote"),
    "no-commit": ("__pipeline_commit();", "", "no thread of the block wrote"),
    "sums-in-one-place": (
        "float* distance_sums = sums + run * kRunWarps;",
        "float* distance_sums = sums;",
        "a barrier is missing",
    ),
    "rows-beyond-the-last": (
        "row < rows ? row : pixels",
        "row",
        "a barrier is missing|reads|writes",
    ),
    "nothing-allowed": ("run.shared > kUsualShared &&", "false &&", "more than 49152"),
    "too-much-allowed": (
        "memory.block) != cudaSuccess",
        "memory.block + 1) != cudaSuccess",
        "inva",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_caught(
    emulation: Emulation, name: str, run_emulated: Run, random_inputs: Callable[..., Any]
) -> None:
    old, new, message = MISTAKES[name]
    edit = ("group_norm_one_read.h", old, new)
    library = emulation.library("group_norm_silu.cu", FLOAT32_ONLY, edit)
    images, weight, bias, _ = random_inputs((1, 36, 32, 35), torch.float32)  # 52 KiB a group
    with pytest.raises(RuntimeError, match=message):
        run_emulated(library, images, weight, bias, 3, 1e-5)
