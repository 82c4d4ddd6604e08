"""`philox_normal` against the published vectors of Philox, plain Python and the distribution."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.generate.plan.philox import Stream, words
from zeroreal.kernels._philox_normal import philox_normal, philox_normal_, philox_normal_reference

SEEDS = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x0123456789ABCDEF])

# kat_vectors of Random123: "philox4x32 10", counter, key, result.
KNOWN_ANSWERS = [
    ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]

SOURCE = """
#include "philox_normal.h"
using namespace zeroreal;
extern "C" void philox(const uint32_t* counter, const uint32_t* key, uint32_t* out) {
  const Words words =
      philox4x32({counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
  memcpy(out, &words, sizeof(words));
}
extern "C" void normals(uint64_t seed, uint32_t draw, int64_t blocks, float* out) {
  for (int64_t block = 0; block < blocks; ++block) {
    const Normals four = four_normals(seed, draw, block);
    memcpy(out + 4 * block, &four, sizeof(four));
  }
}
extern "C" void pairs(const uint32_t* radius, const uint32_t* angle, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) box_muller(radius[i], angle[i], out[2 * i], out[2 * i + 1]);
}
"""


def box_muller(radius_word: int, angle_word: int) -> tuple[float, float]:
    """The definition, but for the 24 bits that a float32 has."""
    radius = math.sqrt(-2 * math.log((radius_word // 2 + 0.5) / 2**31))
    angle = 2 * math.pi * angle_word / 2**32
    return radius * math.cos(angle), radius * math.sin(angle)


def expected(seed: int, size: int, draw: int) -> Tensor:
    """The definition, from plain Python's Philox."""
    numbers: list[float] = []
    for block in range((size + 3) // 4):
        a, b, c, d = words(seed, block, Stream.NOISE, draw)
        numbers += (*box_muller(a, b), *box_muller(c, d))
    return torch.tensor(numbers[:size])


def assert_close(actual: Tensor, wanted: Tensor) -> None:
    # The definition takes 31 bits where a float32 has 24: that shows where the radius is near 0.
    torch.testing.assert_close(actual, wanted, rtol=1e-6, atol=5e-5)


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """What each GPU thread runs, compiled for the CPU: testable without a GPU."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("philox")
    source, library = folder / "philox.cpp", folder / "philox.so"
    source.write_text(SOURCE)
    headers = Path(__file__).parents[2] / "kernels" / "src"
    options = ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{headers}"]
    subprocess.run([compiler, *options, "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    header: ctypes.CDLL, counter: str, key: str, answer: str
) -> None:
    def array(text: str) -> ctypes.Array[ctypes.c_uint32]:
        digits = text.replace(" ", "")
        numbers = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
        return (ctypes.c_uint32 * len(numbers))(*numbers)

    out = (ctypes.c_uint32 * 4)()
    header.philox(array(counter), array(key), out)
    assert list(out) == list(array(answer))


def test_the_body_of_the_cuda_kernel_gives_the_same_bits(header: ctypes.CDLL) -> None:
    blocks = 5000
    noise = philox_normal(SEEDS, (4 * blocks,), 3)
    for seed, row in zip(SEEDS.tolist(), noise, strict=True):
        out = torch.empty(4 * blocks)
        arguments = ctypes.c_uint64(seed), ctypes.c_uint32(3), ctypes.c_int64(blocks)
        header.normals(*arguments, ctypes.c_void_p(out.data_ptr()))
        assert torch.equal(out, row)


def test_extreme_words_give_finite_numbers(header: ctypes.CDLL) -> None:
    edges = [0, 1, 2, 3, 2**29, 2**30, 2**31, 3 * 2**30, 2**32 - 2**29, 2**32 - 1]
    edges += [edge - 1 for edge in edges if edge > 3]
    pairs = [(radius, angle) for radius in edges for angle in edges]
    radius, angle = (torch.tensor(column).to(torch.uint32) for column in zip(*pairs, strict=True))
    out = torch.empty(len(pairs), 2)
    pointers = [ctypes.c_void_p(x.data_ptr()) for x in (radius, angle, out)]
    header.pairs(*pointers[:2], ctypes.c_int64(len(pairs)), pointers[2])
    assert_close(out, torch.tensor([box_muller(*pair) for pair in pairs]))
    assert out.abs().max().item() == pytest.approx(math.sqrt(64 * math.log(2)), rel=1e-6)


@pytest.mark.parametrize("function", [philox_normal, philox_normal_reference])
@pytest.mark.parametrize("draw", [0, 1, 2**32 - 1])
def test_equals_the_definition(function: Callable[..., Tensor], draw: int) -> None:
    noise = function(SEEDS, (3, 5, 7), draw)
    assert noise.shape == (6, 3, 5, 7)
    assert noise.dtype == torch.float32
    for seed, image in zip(SEEDS.tolist(), noise, strict=True):
        wanted = expected(seed, 105, draw)
        assert_close(image.flatten(), wanted)
        assert (image.flatten() - wanted).abs().median() < 1e-7


def test_the_reference_agrees_over_many_numbers() -> None:
    shape = (4, 61, 67)
    difference = philox_normal(SEEDS, shape, 5) - philox_normal_reference(SEEDS, shape, 5)
    assert difference.abs().max() < 1e-6


def test_the_reference_takes_its_draw_from_a_tensor() -> None:
    noise = philox_normal_reference(SEEDS, (9,), torch.tensor([4]))
    assert torch.equal(noise, philox_normal_reference(SEEDS, (9,), 4))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 4095, 4097, 8195])
def test_a_number_depends_on_its_position_only(size: int) -> None:
    long = philox_normal(SEEDS, (9000,), 1)
    assert torch.equal(philox_normal(SEEDS, (size,), 1), long[:, :size])


def test_a_batch_gives_each_image_what_it_has_alone() -> None:
    together = philox_normal(SEEDS, (4, 8, 9), 2)
    for image, seed in zip(together, SEEDS, strict=True):
        assert torch.equal(philox_normal(seed[None], (4, 8, 9), 2)[0], image)
    assert torch.equal(philox_normal(SEEDS.flip(0), (4, 8, 9), 2), together.flip(0))
    every_other = torch.stack([SEEDS, SEEDS], dim=1).flatten()[::2]
    assert torch.equal(philox_normal(every_other, (4, 8, 9), 2), together)


def test_threads_change_nothing() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = philox_normal(SEEDS, (3, 64, 65))
        torch.set_num_threads(3)
        together = philox_normal(SEEDS, (3, 64, 65))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_a_buffer_is_filled_in_place() -> None:
    buffer = torch.zeros(6 * 10 + 1)
    out = buffer[1:].view(6, 2, 5)  # not at a multiple of 16 bytes
    assert philox_normal_(out, SEEDS, 7).data_ptr() == out.data_ptr()
    assert torch.equal(out, philox_normal(SEEDS, (2, 5), 7))
    assert buffer[0] == 0


def test_no_images_give_an_empty_batch() -> None:
    for function in (philox_normal, philox_normal_reference):
        assert function(torch.empty(0, dtype=torch.int64), (4, 3)).shape == (0, 4, 3)


def test_numbers_are_normally_distributed() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy has the normal distribution")
    numbers = philox_normal(torch.arange(100, 164), (4096,)).flatten().double()
    count = len(numbers)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        error = math.sqrt((math.prod(range(1, 2 * power, 2)) - moment**2) / count)
        assert abs((numbers**power).mean().item() - moment) < 4 * error
    assert stats.kstest(numbers.numpy(), "norm").pvalue > 0.01
    beyond = 2 * stats.norm.sf(4) * count
    assert abs((numbers.abs() > 4).sum().item() - beyond) < 4 * math.sqrt(beyond)


def test_neighbours_seeds_and_draws_do_not_correlate() -> None:
    noise = torch.stack([philox_normal(torch.arange(16), (4096,), draw) for draw in range(2)])
    pairs = [
        (noise[0], noise[1]),
        (noise[:, 1:], noise[:, :-1]),
        *((noise[..., step:], noise[..., :-step]) for step in (1, 2, 3, 4)),
        *((noise[..., first::4], noise[..., second::4]) for first, second in ((0, 1), (2, 3))),
        (noise[..., 0::4] ** 2 - 1, noise[..., 1::4] ** 2 - 1),
    ]
    for one, other in pairs:
        products = (one * other).double()
        assert products.mean().abs() < 4 * products.std() / math.sqrt(products.numel())


@pytest.mark.parametrize(
    ("out", "seeds", "draw", "message"),
    [
        (torch.empty(2, 3), torch.zeros(2, dtype=torch.int32), 0, "seeds must be int64"),
        (torch.empty(2, 3), torch.zeros(2, 1, dtype=torch.int64), 0, "seeds must be int64"),
        (torch.empty(2, 3).half(), torch.arange(2), 0, "not to torch.float16"),
        (torch.empty(3, 2).T, torch.arange(2), 0, "contiguous float32"),
        (torch.empty(3, 3), torch.arange(2), 0, r"2 seeds on cpu cannot fill .* \(3, 3\)"),
        (torch.empty(2, 3), torch.arange(2), -1, "draw must be 0 to 4294967295, not -1"),
        (torch.empty(2, 3), torch.arange(2), 2**32, "not 4294967296"),
    ],
)
def test_what_cannot_be_filled_is_refused(
    out: Tensor, seeds: Tensor, draw: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        philox_normal_(out, seeds, draw)


def test_the_operator_is_well_formed() -> None:
    arguments = (torch.empty(6, 3, 5), SEEDS, 2)
    torch.library.opcheck(torch.ops.zeroreal.philox_normal_.default, arguments)


def test_fake_tensors_give_shapes_only() -> None:
    with FakeTensorMode():
        fake = philox_normal(torch.empty(4, dtype=torch.int64), (3, 8))
    assert fake.shape == (4, 3, 8)


def test_torch_compile_keeps_it_in_one_graph() -> None:
    def start(seeds: Tensor) -> Tensor:
        return philox_normal(seeds, (4, 8)) * 2

    compiled = torch.compile(start, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(SEEDS), start(SEEDS))


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(4, 64, 64), (3, 5, 7), (1,), (0,)])
def test_cuda_gives_the_same_bits_as_the_cpu(shape: tuple[int, ...]) -> None:
    noise = philox_normal(SEEDS.cuda(), shape, 3)
    assert torch.equal(noise.cpu(), philox_normal(SEEDS, shape, 3))
