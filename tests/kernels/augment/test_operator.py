"""`augment` as an operator: all together, in parts, compiled, and what it refuses."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_check import AUGMENT_COLUMNS
from zeroreal.kernels._augment_reference import augment_reference

augment_module = importlib.import_module("zeroreal.kernels._augment")


DTYPES = [torch.float32, torch.float16, torch.bfloat16]


TOLERANCES = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


PADDINGS = ["edge", "reflect"]


FUNCTIONS = pytest.mark.parametrize("function", [augment, augment_reference])


def random_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, height, width, channels)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


def empty_batch(
    batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Poisoned, so that what is not written shows."""
    nhwc = torch.full((batch, height, width, channels), torch.nan, dtype=dtype)
    return nhwc.permute(0, 3, 1, 2)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_together_equals_the_reference(
    dtype: torch.dtype,
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
) -> None:
    images = random_images(16, 33, 37, channels)
    parameters = random_parameters(16)
    actual, wanted = (
        run(function, images, parameters, (29, 31), dtype=dtype, padding=padding)
        for function in (augment, augment_reference)
    )
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(actual, wanted, rtol=tolerance, atol=tolerance)


def test_threads_change_nothing(
    random_parameters: Callable[..., Any], run: Callable[..., Any]
) -> None:
    images, parameters = random_images(16, 64, 64), random_parameters(16)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = run(augment, images, parameters, (64, 64))
        torch.set_num_threads(3)
        together = run(augment, images, parameters, (64, 64))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_parameters_that_make_no_sense_stay_within_memory(
    run: Callable[..., Any], unchanged: Callable[..., Any]
) -> None:
    images = random_images(1, 13, 11)
    values = [math.nan, math.inf, -math.inf, 1e30, -1e30, 0.0, 1e5]
    parameters = torch.stack(
        [
            unchanged(1)[0].index_fill(0, torch.tensor([column]), value)
            for column in range(AUGMENT_COLUMNS)
            for value in values
        ]
    )
    index = torch.zeros(len(parameters), dtype=torch.int64)
    for padding in PADDINGS:
        out = run(augment, images, parameters, (9, 7), index, padding=padding)
        assert out.isfinite().all()


@FUNCTIONS
def test_an_empty_batch_stays_empty(
    function: Callable[..., None], run: Callable[..., Any], unchanged: Callable[..., Any]
) -> None:
    assert run(function, random_images(2, 4, 4), unchanged(0), (3, 3)).shape == (0, 3, 3, 3)


def test_a_part_of_a_buffer_is_filled_and_no_more(
    normalised: Callable[..., Any], unchanged: Callable[..., Any]
) -> None:
    images = random_images(2, 4, 4)
    buffer = torch.zeros(4, 4, 4, 3)
    out = buffer[1:3].permute(0, 3, 1, 2)
    augment(out, images, torch.arange(2), unchanged(2), MEAN, STD)
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)))
    assert not buffer[0].any()
    assert not buffer[3].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_operator_keeps_its_contract(
    dtype: torch.dtype, random_parameters: Callable[..., Any]
) -> None:
    arguments = (random_images(3, 8, 9), torch.tensor([2, 0]), random_parameters(2))
    out = torch.zeros(2, 6, 5, 3, dtype=dtype).permute(0, 3, 1, 2)
    operator = torch.ops.zeroreal.augment_.default
    torch.library.opcheck(operator, (out, *arguments, MEAN, STD, "edge"))


def test_compiles_into_one_graph(random_parameters: Callable[..., Any]) -> None:
    def batch(images: Tensor, index: Tensor, parameters: Tensor) -> Tensor:
        out = torch.empty(len(index), 6, 5, 3).permute(0, 3, 1, 2)
        augment(out, images, index, parameters * 1, MEAN, STD)
        return out.relu()

    arguments = (random_images(3, 8, 9), torch.tensor([2, 0]), random_parameters(2))
    compiled = torch.compile(batch, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(*arguments), batch(*arguments))


def test_without_the_library_pytorch_computes_it(
    monkeypatch: pytest.MonkeyPatch,
    normalised: Callable[..., Any],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    monkeypatch.setattr(augment_module, "_kernel", lambda *_: False)
    images = random_images(3, 8, 9)
    out = run(augment, images, unchanged(3), (8, 9))
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)))


@FUNCTIONS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 4, 4, 3)}, r"uint8 \[N, H, W, 1 or 3\], not torch.float32"),
        ({"images": random_images(2, 4, 4, 4)}, r"not torch.uint8 \[2, 4, 4, 4\]"),
        ({"images": random_images(2, 4, 8)[:, :, ::2]}, "contiguous uint8"),
        ({"images": random_images(2, 4, 4, 1)}, "1 channels of the images, not 3, 3 and 3"),
        ({"images": random_images(2, 0, 4)}, "sides must be 1 to 32767, not 0"),
        ({"out": torch.zeros(2, 3, 5, 4)}, "out must be channels-last"),
        ({"out": empty_batch(2, 3, 5, 4, torch.float64)}, "not torch.float64"),
        ({"out": empty_batch(2, 3, 5, 0)}, "sides must be 1 to 32767, not 0"),
        ({"index": torch.tensor([0, 1, 0])}, r"index must be contiguous int64 \[2\]"),
        ({"index": torch.tensor([0, 1], dtype=torch.int32)}, r"not torch.int32 \[2\]"),
        ({"parameters": torch.zeros(2, 7)}, r"float32 \[2, 23\], not torch.float32 \[2, 7\]"),
        ({"parameters": torch.zeros(23, 2).t()}, r"of strides \(1, 2\)"),
        ({"mean": [0.5]}, "not 3, 1 and 3"),
        ({"padding": "zeros"}, "padding must be edge or reflect, not 'zeros'"),
        ({"index": torch.zeros(2, dtype=torch.int64, device="meta")}, "must be where out is, cpu"),
    ],
)
def test_what_cannot_be_augmented_is_refused(
    function: Callable[..., None],
    change: dict[str, object],
    message: str,
    unchanged: Callable[..., Any],
) -> None:
    arguments: dict[str, object] = {
        "out": empty_batch(2, 3, 5, 4),
        "images": random_images(2, 4, 4),
        "index": torch.tensor([0, 1]),
        "parameters": unchanged(2),
        "mean": MEAN,
        "std": STD,
        "padding": "edge",
    }
    with pytest.raises(ValueError, match=message):
        function(**arguments | change)


@FUNCTIONS
@pytest.mark.parametrize("index", [-1, 2])
def test_an_image_that_is_not_there_is_refused(
    index: int,
    function: Callable[..., None],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    with pytest.raises(IndexError, match=f"index must be 0 to 1, not {index} to {index}"):
        run(function, random_images(2, 4, 4), unchanged(1), (4, 4), torch.tensor([index]))


@pytest.mark.gpu
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cuda_gives_the_bits_of_the_cpu(
    dtype: torch.dtype,
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
) -> None:
    images, parameters = random_images(64, 33, 37, channels), random_parameters(64)
    wanted = run(augment, images, parameters, (47, 41), dtype=dtype, padding=padding)
    out = empty_batch(64, channels, 47, 41, dtype).cuda()
    index = torch.arange(64).cuda()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        statistics = (MEAN[:channels], STD[:channels])
        augment(out, images.cuda(), index, parameters.cuda(), *statistics, padding)
    stream.synchronize()
    assert torch.equal(out.cpu(), wanted)


@pytest.mark.gpu
def test_cuda_makes_nan_of_an_image_that_is_not_there(unchanged: Callable[..., Any]) -> None:
    images = random_images(2, 8, 8).cuda()
    out = empty_batch(3, 3, 8, 8).cuda()
    augment(out, images, torch.tensor([0, 2, -1]).cuda(), unchanged(3).cuda(), MEAN, STD)
    assert out[0].isfinite().all()
    assert out[1:].isnan().all()
