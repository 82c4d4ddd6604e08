"""`finish` on CUDA, and its kernel's body on the CPU."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
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


def test_the_body_of_the_cuda_kernel_gives_the_same(
    tmp_path: Path,
    assert_same_pixels: Callable[..., Any],
    assert_same_statistics: Callable[..., Any],
    expected: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    """What each GPU thread runs, compiled for the CPU: testable without a GPU."""
    compiler = shutil.which("c++") or shutil.which("g++")
    header = Path(__file__).parents[3] / "kernels" / "src" / "finish.h"
    if compiler is None:
        pytest.skip("no C++ compiler")
    source, library = tmp_path / "pixels.cpp", tmp_path / "pixels.so"
    source.write_text(
        f'#include "{header}"\n'
        "using namespace zeroreal;\n"
        'extern "C" void pixels(const void* images, int64_t channels, int64_t height,\n'
        "    int64_t width, uint8_t* out, int64_t out_height, int64_t out_width,\n"
        "    float* statistics) {\n"
        "  FinishArgs args{images, 1, channels, height, width, 0, height * width, width, 1,\n"
        "                  out, out_height, out_width, statistics, nullptr};\n"
        "  Counts counts[kMaxChannels] = {};\n"
        "  for (int64_t y = 0; y < out_height; ++y)\n"
        "    for (int64_t x = 0; x < out_width; ++x)\n"
        "      finish_pixel(static_cast<const Float16*>(images), args,\n"
        "                   make_taps(y, height, out_height), make_taps(x, width, out_width),\n"
        "                   out + (y * out_width + x) * channels, counts);\n"
        "  for (int64_t c = 0; c < channels; ++c)\n"
        "    write_statistics(counts[c], height * width, statistics + c * kStatistics);\n"
        "}\n"
    )
    command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(library)).pixels
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function.argtypes = [pointer, *(number,) * 3, pointer, number, number, pointer]
    for (_, channels, height, width), (out_height, out_width) in SIZES:
        images = random_images((1, channels, height, width), torch.float16)
        out = torch.empty(1, out_height, out_width, channels, dtype=torch.uint8)
        statistics = torch.empty(1, channels, 4)
        pointers = images.data_ptr(), out.data_ptr(), statistics.data_ptr()
        sizes = channels, height, width
        function(pointers[0], *sizes, pointers[1], out_height, out_width, pointers[2])
        assert_same_pixels(out, expected(images, (out_height, out_width)))
        assert_same_statistics(statistics, images)


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
