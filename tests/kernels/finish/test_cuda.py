"""`finish` on CUDA."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from zeroreal.kernels import finish, native_library_status

operators_module = importlib.import_module("zeroreal.kernels._operators")


DTYPES = [torch.float32, torch.float16, torch.bfloat16]


# (batch, channels, height, width) to (height, width)
SIZES = [
    ((2, 3, 33, 17), (7, 5)),
    ((1, 3, 512, 512), (32, 32)),
    ((4, 3, 32, 32), (32, 32)),
    ((3, 3, 8, 8), (20, 20)),
    ((2, 3, 1, 1), (1, 1)),
    ((2, 3, 1, 1), (3, 2)),
    ((2, 3, 64, 48), (1, 1)),
    ((2, 1, 28, 28), (32, 24)),
    ((2, 4, 31, 64), (31, 16)),
    ((2, 3, 64, 31), (16, 31)),
]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_cuda_equals_the_cpu(
    shape: tuple[int, ...],
    size: tuple[int, int],
    dtype: torch.dtype,
    assert_same_pixels: Callable[..., Any],
    expected: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = random_images(shape, dtype, "cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        out, statistics = finish(images, *size)
        last = finish(images.contiguous(memory_format=torch.channels_last), *size)
    stream.synchronize()
    assert out.device == images.device
    assert torch.equal(out, last[0])
    assert torch.equal(statistics, last[1])
    assert_same_pixels(out.cpu(), expected(images.cpu(), size))
    assert torch.equal(statistics.cpu(), finish(images.cpu(), *size)[1])


@pytest.mark.gpu
def test_a_cuda_graph_counts_anew_at_every_replay(
    assert_same_pixels: Callable[..., Any],
    assert_same_statistics: Callable[..., Any],
    expected: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = random_images((2, 3, 33, 17), torch.float32, "cuda")
    finish(images, 7, 5)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pixels, statistics = finish(images, 7, 5)
    for _ in range(2):
        images.neg_()
        graph.replay()
        assert_same_pixels(pixels.cpu(), expected(images.cpu(), (7, 5)))
        assert_same_statistics(statistics.cpu(), images.cpu())


@pytest.mark.gpu
def test_cuda_uses_the_native_library() -> None:
    status = native_library_status()["cuda"]
    if "was not built" in str(status.reason):
        pytest.skip("installed without nvcc")
    assert status.loaded, status.reason
    finish(torch.zeros(1, 3, 8, 8, device="cuda"), 4, 4)
    assert not operators_module._unserved_gpus()
