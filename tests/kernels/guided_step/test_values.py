"""`guided_step` against the formulas of guidance and of a linear scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._guided_step import guided_step, guided_step_reference
from zeroreal.kernels._philox_normal import philox_normal

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
FUNCTIONS = [guided_step, guided_step_reference]

Step = Callable[..., tuple[Tensor, Tensor]]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 16, 16), (1, 3, 1, 1), (4, 4, 33, 32)])
def test_equals_the_definition(
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    function: Step,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_step: Callable[..., Any],
) -> None:
    inputs = random_inputs(shape, dtype)
    assert_step(function(*inputs), expected(*inputs))
    inputs[0] = inputs[0].contiguous(memory_format=torch.channels_last)
    assert_step(function(*inputs), expected(*inputs))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x[:, :, :, ::2],
        lambda x: x[:, :, 2:, 1:],
        lambda x: x[:, :1].expand(-1, 4, -1, -1),
        lambda x: x[:1].expand(len(x), -1, -1, -1),
    ],
    ids=["transposed", "stepped", "offset", "one-channel", "one-row"],
)
def test_strides_of_the_output_are_followed(
    view: Callable[[Tensor], Tensor],
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_step: Callable[..., Any],
) -> None:
    output = view(random_inputs((2, 4, 9, 9), torch.bfloat16)[0])
    inputs = [output, *random_inputs((2, *output.shape[1:]))[1:]]
    assert_step(guided_step(*inputs), expected(*inputs))


def test_other_inputs_may_have_any_strides(
    random_inputs: Callable[..., Any], expected: Callable[..., Any], assert_step: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 4, 8, 8))
    for name in (3, 4):
        inputs[name] = inputs[name].contiguous(memory_format=torch.channels_last)
    inputs[2] = torch.stack([inputs[2], inputs[2]], dim=1)[:, 0]
    assert_step(guided_step(*inputs), expected(*inputs))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_unconditional_rows_the_output_is_taken_as_it_is(
    function: Step,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_step: Callable[..., Any],
) -> None:
    inputs = random_inputs((2, 4, 6, 6))
    inputs[1] = None
    assert_step(function(*inputs), expected(*inputs))


def test_rounds_as_the_formula_does_in_pytorch(random_inputs: Callable[..., Any]) -> None:
    inputs = random_inputs(
        (3, 4, 16, 16), torch.float16, coefficients=(1.0, 0.9, -0.4, 0.3, 0.0, 2.0, 3.0)
    )
    output, unconditional, guidance, x, history, c, _, _ = inputs
    away = output.float()[unconditional]
    o = away + guidance.view(-1, 1, 1, 1) * (output.float()[:3] - away)
    following, carry = guided_step(*inputs)
    assert torch.equal(following, c[1] * x + c[2] * o + c[3] * history)
    assert torch.equal(carry, c[5] * x + c[6] * o)


@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 20, 20)])
def test_noise_is_that_of_the_seeds_and_the_draw(
    shape: tuple[int, int, int, int], random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs(shape, coefficients=(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    for draw in (0, 1, 40):
        inputs[7] = torch.tensor([draw])
        following, _ = guided_step(*inputs)
        assert torch.equal(following, philox_normal(inputs[6], shape[1:], draw))


def test_threads_change_nothing(random_inputs: Callable[..., Any]) -> None:
    inputs = random_inputs((8, 4, 64, 64), torch.bfloat16)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = guided_step(*inputs)
        torch.set_num_threads(3)
        together = guided_step(*inputs)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone[0], together[0])
    assert torch.equal(alone[1], together[1])


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 64, 64), (0, 4, 8, 8)])
def test_cuda_equals_the_cpu(
    shape: tuple[int, int, int, int], dtype: torch.dtype, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs(shape, dtype)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        inputs[0] = inputs[0].contiguous(memory_format=memory_format)
        on_gpu = guided_step(*(x.cuda() for x in inputs))
        for one, other in zip(on_gpu, guided_step(*inputs), strict=True):
            assert torch.equal(one.cpu(), other)
