"""`finish` against PyTorch's own antialiased resize and against values worked out by hand."""

from __future__ import annotations

import ctypes
import importlib
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels import finish, finish_reference, native_library_status

native_module = importlib.import_module("zeroreal.kernels._native")
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


def random_images(shape: tuple[int, ...], dtype: torch.dtype, device: str = "cpu") -> Tensor:
    """Normal values, a fifth of them beyond -1..1."""
    generator = torch.Generator().manual_seed(7)
    return (torch.randn(shape, generator=generator) * 0.8).to(dtype).to(device)


def expected(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The definition in PyTorch, in float32."""
    values = images.to(torch.float32) * 0.5 + 0.5
    values = torch.where(values.isnan(), 0.0, values).clamp(0.0, 1.0)
    values = F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=True)
    return (values * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def pixels_of(images: Tensor, height: int, width: int) -> Tensor:
    return finish(images, height, width)[0]


def expected_statistics(images: Tensor) -> Tensor:
    """The definition, value by value."""
    rows = []
    for values in images.double().flatten(2).flatten(0, 1):
        finite = values[values.isfinite()].mul(0.5).add(0.5).clamp(0.0, 1.0)
        summary = (finite.min(), finite.max(), finite.mean()) if len(finite) else (1.0, 0.0, 0.0)
        rows.append([*map(float, summary), float(len(values) - len(finite))])
    return torch.tensor(rows).reshape(*images.shape[:2], 4)


def assert_same_statistics(actual: Tensor, images: Tensor) -> None:
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, expected_statistics(images), rtol=0, atol=1e-5)


def assert_same_pixels(actual: Tensor, wanted: Tensor) -> None:
    """Equal but for rounding: another order of summation may tip a value that lies at a half."""
    assert actual.shape == wanted.shape
    assert actual.dtype == torch.uint8
    assert actual.is_contiguous()
    difference = (actual.int() - wanted.int()).abs()
    assert difference.max() <= 1
    assert difference.float().mean() <= 0.01


def test_the_native_library_is_in_use() -> None:
    status = native_library_status()["cpu"]
    assert status.loaded, status.reason
    assert status.reason is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_equals_the_antialiased_resize_of_pytorch(
    shape: tuple[int, ...], size: tuple[int, int], dtype: torch.dtype
) -> None:
    images = random_images(shape, dtype)
    assert_same_pixels(pixels_of(images, *size), expected(images, size))


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_channels_last_gives_the_same_bytes(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    images = random_images(shape, torch.bfloat16)
    last = images.contiguous(memory_format=torch.channels_last)
    for one, other in zip(finish(last, *size), finish(images, *size), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, :3],
        lambda x: x[1:, 1:, 3:, 2:],
        lambda x: x[:, ::2, ::3, ::2][:, :1],
        lambda x: x[:, :3].transpose(2, 3),
        lambda x: x[:1, :3].expand(5, 3, -1, -1),
        lambda x: x[:, :1].expand(-1, 3, -1, -1),
    ],
    ids=["sliced", "offset", "stepped", "transposed", "one-image", "one-channel"],
)
def test_strides_are_followed(view: Callable[[Tensor], Tensor]) -> None:
    images = view(random_images((3, 4, 40, 36), torch.float32))
    assert_same_pixels(pixels_of(images, 9, 13), expected(images, (9, 13)))


def test_weights_worked_out_by_hand() -> None:
    # Four columns to two: output 0 lies at input 1.0 between columns 0 and 1, and a triangle of
    # half-width 2 gives columns 0, 1, 2 the weights 6, 6, 2 of 14.
    only_third = torch.tensor([-1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 1, 4)
    # 255 * 2/14 = 36.4; for output 1 the weights of columns 1, 2, 3 are 2, 6, 6: 255 * 6/14 = 109.3
    assert finish(only_third, 1, 2)[0].flatten().tolist() == [36, 109]
    assert finish(only_third.transpose(2, 3), 2, 1)[0].flatten().tolist() == [36, 109]


def test_values_are_mapped_clamped_and_rounded_half_to_even() -> None:
    values = [-1.0, 1.0, -7.0, 7.0, float("-inf"), float("inf"), float("nan"), 0.0]
    # 0.0 is 127.5, between 127 and the even 128; 1/255 is 128.0; 2/255 is 128.5, which goes down.
    values += [1 / 255, 2 / 255]
    images = torch.tensor(values).reshape(1, 1, 1, -1)
    wanted = [0, 255, 0, 255, 0, 255, 0, 128, 128, 128]
    assert finish(images, 1, len(values))[0].flatten().tolist() == wanted
    assert finish_reference(images, 1, len(values))[0].flatten().tolist() == wanted


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_16_bit_value_is_read_right(dtype: torch.dtype) -> None:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    images = bits.view(dtype).reshape(1, 1, 256, 256)
    assert torch.equal(pixels_of(images, 256, 256), expected(images, (256, 256)))


def test_nan_counts_as_zero_inside_an_average() -> None:
    images = torch.ones(1, 1, 2, 2)
    images[0, 0, 0, 0] = float("nan")
    assert pixels_of(images, 1, 1).item() == 191  # 255 * 3/4 = 191.25


@pytest.mark.parametrize("function", [finish, finish_reference])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_statistics_count_every_value_once(
    shape: tuple[int, ...],
    size: tuple[int, int],
    dtype: torch.dtype,
    function: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    images = random_images(shape, dtype)
    for x in (images, images.contiguous(memory_format=torch.channels_last), images[:1]):
        assert_same_statistics(function(x, *size)[1], x)


@pytest.mark.parametrize("function", [finish, finish_reference])
def test_statistics_leave_out_what_is_not_finite(
    function: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    images = torch.full((2, 3, 2, 2), 0.5)
    images[0, 0, 0] = torch.tensor([float("nan"), float("inf")])
    images[0, 1] = float("-inf")
    images[1, 2, 1, 1] = 7.0
    wanted = [
        [[0.75, 0.75, 0.75, 2.0], [1.0, 0.0, 0.0, 4.0], [0.75, 0.75, 0.75, 0.0]],
        [[0.75, 0.75, 0.75, 0.0], [0.75, 0.75, 0.75, 0.0], [0.75, 1.0, 0.8125, 0.0]],
    ]
    assert function(images, 1, 3)[1].tolist() == wanted


@pytest.mark.parametrize("function", [finish, finish_reference])
def test_an_image_of_one_colour_has_equal_minimum_and_maximum_in_every_channel(
    function: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    images = torch.tensor([0.2, -0.7, 0.9]).reshape(1, 3, 1, 1).expand(2, 3, 9, 5).clone()
    images[1, 1, 4, 2] = 0.1
    minimum, maximum, _, _ = function(images, 4, 4)[1].unbind(2)
    assert (minimum == maximum).tolist() == [[True, True, True], [True, False, True]]


def test_an_empty_batch_gives_an_empty_batch() -> None:
    for function in (finish, finish_reference):
        pixels, statistics = function(torch.zeros(0, 3, 8, 8), 4, 5)
        assert pixels.shape == (0, 4, 5, 3)
        assert statistics.shape == (0, 3, 4)


def test_threads_change_nothing() -> None:
    images = random_images((8, 3, 128, 128), torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = finish(images, 32, 32)
        torch.set_num_threads(3)
        together = finish(images, 32, 32)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("function", [finish, finish_reference])
@pytest.mark.parametrize(
    ("images", "size", "message"),
    [
        (torch.zeros(3, 8, 8), (4, 4), r"must be \[B, C, H, W\]"),
        (torch.zeros(1, 2, 8, 8), (4, 4), "1, 3 or 4 channels, not 2"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), (4, 4), "not torch.float64"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), (4, 4), "not torch.uint8"),
        (torch.zeros(1, 3, 8, 8), (0, 4), "8x8 to 0x4: sides must be 1 to 65535"),
        (torch.zeros(1, 3, 8, 8), (4, -1), "8x8 to 4x-1"),
        (torch.zeros(1, 3, 8, 8), (4, 65536), "8x8 to 4x65536"),
        (torch.zeros(1, 3, 0, 8), (4, 4), "0x8 to 4x4"),
    ],
)
def test_what_cannot_be_finished_is_refused(
    function: Callable[..., object], images: Tensor, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(images, *size)


def test_the_operator_is_well_formed() -> None:
    operator = torch.ops.zeroreal.finish.default
    for images in (random_images((2, 3, 9, 7), torch.float32), torch.ones(1, 1, 4, 4).half()):
        torch.library.opcheck(operator, (images, 5, 4))


def test_fake_and_meta_tensors_give_shapes_only() -> None:
    with FakeTensorMode():
        fake = finish(torch.empty(2, 3, 64, 64, dtype=torch.float16), 32, 24)
    meta = finish(torch.empty(2, 3, 64, 64, device="meta"), 32, 24)
    for pixels, statistics in (fake, meta):
        assert pixels.shape == (2, 32, 24, 3)
        assert pixels.dtype == torch.uint8
        assert pixels.is_contiguous()
        assert statistics.shape == (2, 3, 4)
        assert statistics.dtype == torch.float32


def test_torch_compile_keeps_it_in_one_graph() -> None:
    def decode(images: Tensor) -> Tensor:
        return finish(images * 2, 8, 8)[0].permute(0, 3, 1, 2)

    images = random_images((2, 3, 16, 16), torch.float32)
    compiled = torch.compile(decode, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(images), decode(images))


@pytest.fixture
def library_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands for the installed package: nothing native in it."""

    def forget() -> None:
        native_module._load.cache_clear()
        operators_module._usable_library.cache_clear()
        operators_module._function.cache_clear()

    monkeypatch.setattr(native_module, "_package_folders", lambda: [tmp_path])
    forget()
    yield tmp_path
    forget()


def test_without_the_library_pytorch_computes_it_and_says_so_once(
    library_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = random_images((2, 3, 33, 17), torch.float32)
    with caplog.at_level(logging.WARNING, logger="zeroreal.kernels"):
        for _ in range(2):
            assert torch.equal(pixels_of(images, 7, 5), expected(images, (7, 5)))
    assert len(caplog.records) == 1
    assert "was not built" in caplog.text
    status = native_library_status()["cpu"]
    assert not status.loaded
    assert str(library_folder) in str(status.reason)


def test_a_library_that_does_not_load_is_named(library_folder: Path) -> None:
    path = library_folder / native_module._file_name("zeroreal_kernels")
    path.write_bytes(b"not a library")
    status = native_library_status()["cpu"]
    assert not status.loaded
    assert f"{path} does not load" in str(status.reason)


def test_the_body_of_the_cuda_kernel_gives_the_same(tmp_path: Path) -> None:
    """What each GPU thread runs, compiled for the CPU: testable without a GPU."""
    compiler = shutil.which("c++") or shutil.which("g++")
    header = Path(__file__).parents[2] / "kernels" / "src" / "finish.h"
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
    shape: tuple[int, ...], size: tuple[int, int], dtype: torch.dtype
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
def test_a_cuda_graph_counts_anew_at_every_replay() -> None:
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
