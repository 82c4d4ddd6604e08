"""`augment` as an operator: all together, in parts, compiled."""

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


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_together_equals_the_reference(
    dtype: torch.dtype,
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
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
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
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
    run: Callable[..., Any], unchanged: Callable[..., Any], random_images: Callable[..., Any]
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
    function: Callable[..., None],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    assert run(function, random_images(2, 4, 4), unchanged(0), (3, 3)).shape == (0, 3, 3, 3)


def test_a_part_of_a_buffer_is_filled_and_no_more(
    normalised: Callable[..., Any], unchanged: Callable[..., Any], random_images: Callable[..., Any]
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
    dtype: torch.dtype, random_parameters: Callable[..., Any], random_images: Callable[..., Any]
) -> None:
    arguments = (random_images(3, 8, 9), torch.tensor([2, 0]), random_parameters(2))
    out = torch.zeros(2, 6, 5, 3, dtype=dtype).permute(0, 3, 1, 2)
    operator = torch.ops.zeroreal.augment_.default
    torch.library.opcheck(operator, (out, *arguments, MEAN, STD, "edge"))


def test_compiles_into_one_graph(
    random_parameters: Callable[..., Any], random_images: Callable[..., Any]
) -> None:
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
    random_images: Callable[..., Any],
) -> None:
    monkeypatch.setattr(augment_module, "_kernel", lambda *_: False)
    images = random_images(3, 8, 9)
    out = run(augment, images, unchanged(3), (8, 9))
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)))
