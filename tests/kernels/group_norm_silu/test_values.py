"""`group_norm_silu` against PyTorch's own operations in float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._group_norm_silu import (
    AS_FITS,
    TWO_READS,
    group_norm_silu,
    group_norm_silu_native,
    group_norm_silu_reference,
)

# Rounding to the dtype, at values of a few units.
TOLERANCES = {torch.float32: 5e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}

# [B, C, H, W] and the number of groups
SIZES = [
    ((3, 64, 8, 8), 16),
    ((1, 320, 32, 32), 32),
    ((2, 33, 65, 64), 11),
    ((9, 6, 3, 1), 3),
    ((2, 30, 7, 5), 1),
    ((2, 5, 1, 1), 1),
    ((1, 2560, 2, 3), 32),
]


@pytest.mark.parametrize("function", [group_norm_silu, group_norm_silu_reference])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize(("shape", "groups"), SIZES)
def test_equals_the_definition(
    function: Callable[..., Tensor],
    shape: tuple[int, ...],
    groups: int,
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images, weight, bias, shift = random_inputs(shape, dtype)
    for silu in (True, False):
        for added in (shift, None):
            arguments = (images, weight, bias, groups, 1e-5, silu, added)
            assert_near(function(*arguments), expected(*arguments), dtype)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.contiguous(),
        lambda x: x[1:, :, 1:, 2:],
        lambda x: x.transpose(2, 3),
        lambda x: x[:1].expand(4, -1, -1, -1),
        lambda x: x[:, 3:21],
    ],
    ids=["contiguous", "offset", "transposed", "one-image", "some-channels"],
)
def test_strides_are_followed(
    view: Callable[[Tensor], Tensor],
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images = view(random_inputs((3, 24, 9, 7), torch.float32)[0])
    _, weight, bias, shift = random_inputs(tuple(images.shape), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5, True, shift)
    assert_near(group_norm_silu(*arguments), expected(*arguments), torch.float32)


@pytest.mark.parametrize("shape", [(9, 64, 8, 8), (9, 32, 48, 40)])
def test_neither_batch_nor_threads_change_an_image(
    shape: tuple[int, ...], random_inputs: Callable[..., Any]
) -> None:
    images, weight, bias, shift = random_inputs(shape, torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = group_norm_silu(images, weight, bias, 16, 1e-5, True, shift)
        torch.set_num_threads(3)
        alone = [
            group_norm_silu(image[None], weight, bias, 16, 1e-5, True, added[None])
            for image, added in zip(images, shift, strict=True)
        ]
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat(alone), together)


@pytest.mark.parametrize("function", [group_norm_silu, group_norm_silu_reference])
@pytest.mark.parametrize("shape", [(0, 8, 4, 4), (2, 8, 0, 4)])
def test_nothing_gives_nothing(function: Callable[..., Tensor], shape: tuple[int, ...]) -> None:
    assert function(torch.zeros(shape), torch.ones(8), torch.ones(8), 2, 1e-5).shape == shape


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("run", [AS_FITS, TWO_READS, 1])
@pytest.mark.parametrize(
    ("shape", "groups"), [*SIZES, ((2, 320, 64, 32), 32), ((4, 128, 256, 256), 32)]
)
def test_cuda_equals_the_definition(
    shape: tuple[int, ...],
    groups: int,
    dtype: torch.dtype,
    run: int,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images, weight, bias, shift = (x.cuda() for x in random_inputs(shape, dtype))
    group_bytes = images[0].numel() // groups * images.element_size()
    if run > 0 and group_bytes > 80 << 10:
        pytest.skip("not every GPU holds a group in shared memory")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    for silu in (True, False):
        for added in (shift, None):
            arguments = (images, weight, bias, groups, 1e-5, silu, added)
            with torch.cuda.stream(stream):
                out = group_norm_silu_native(*arguments, run=run)
            stream.synchronize()
            assert_near(out, expected(*arguments), dtype)


@pytest.mark.gpu
def test_cuda_reads_images_that_are_not_aligned(
    expected: Callable[..., Any], assert_near: Callable[..., Any]
) -> None:
    storage = torch.randn(1 + 2 * 64 * 9, device="cuda")
    images = storage[1:].view(2, 3, 3, 64).permute(0, 3, 1, 2)
    weight, bias = torch.randn(64, device="cuda"), torch.randn(64, device="cuda")
    arguments = (images, weight, bias, 16, 1e-5)
    assert_near(group_norm_silu(*arguments), expected(*arguments), torch.float32)


@pytest.mark.gpu
@pytest.mark.parametrize("run", [AS_FITS, TWO_READS])
@pytest.mark.parametrize("silu", [True, False])  # kernels of their own
@pytest.mark.parametrize("channels", [64, 160])  # 32 and 80 KiB a group
def test_cuda_gives_an_image_the_same_bits_each_time_in_any_batch_and_in_a_graph(
    channels: int, silu: bool, run: int, random_inputs: Callable[..., Any]
) -> None:
    shape = (5, channels, 64, 64)
    images, weight, bias, shift = (x.cuda() for x in random_inputs(shape, torch.bfloat16))
    norm = partial(group_norm_silu_native, run=run)
    together = norm(images, weight, bias, 16, 1e-5, silu, shift)
    alone = norm(images[3:4], weight, bias, 16, 1e-5, silu, shift[3:4])
    assert torch.equal(together[3:4], alone)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):  # what a kernel is allowed of shared memory is set in here, too
        captured = norm(images, weight, bias, 16, 1e-5, silu, shift)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(captured, together)
