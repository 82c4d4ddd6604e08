"""`guided_step` as an operator: what it refuses, its contract, compiled and in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._guided_step import guided_step, guided_step_reference

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
FUNCTIONS = [guided_step, guided_step_reference]

Step = Callable[..., tuple[Tensor, Tensor]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_images_give_an_empty_batch(function: Step, random_inputs: Callable[..., Any]) -> None:
    following, carry = function(*random_inputs((0, 4, 8, 8)))
    assert following.shape == carry.shape == (0, 4, 8, 8)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, torch.zeros(5, 4, 8, 8).double(), "output must be float32, float16 or bfloat16"),
        (0, torch.zeros(2, 4, 8, 8), "at least as many"),
        (0, torch.zeros(5, 4, 8, 9), r"not the shape \(5, 4, 8, 9\)"),
        (1, torch.zeros(2, dtype=torch.int64), r"unconditional must be torch.int64 of shape \(3,"),
        (2, torch.zeros(3).half(), "guidance must be torch.float32"),
        (3, torch.zeros(3, 4, 8), r"latents must be \[B, C, H, W\]"),
        (3, torch.zeros(3, 4, 8, 8).half(), "latents must be torch.float32"),
        (4, torch.zeros(1, 4, 8, 8), "history must be"),
        (5, torch.zeros(6), r"coefficients must be torch.float32 of shape \(7,"),
        (6, torch.zeros(3), "seeds must be torch.int64"),
        (7, torch.zeros((), dtype=torch.int64), r"draw must be torch.int64 of shape \(1,"),
    ],
)
def test_what_does_not_go_together_is_refused(
    function: Step, position: int, value: Tensor, message: str, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs((3, 4, 8, 8))
    inputs[position] = value
    with pytest.raises(ValueError, match=message):
        function(*inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_operator_is_well_formed(dtype: torch.dtype, random_inputs: Callable[..., Any]) -> None:
    inputs = random_inputs((2, 4, 5, 3), dtype)
    torch.library.opcheck(torch.ops.zeroreal.guided_step.default, tuple(inputs))
    inputs[1] = None
    torch.library.opcheck(torch.ops.zeroreal.guided_step.default, tuple(inputs))


def test_fake_tensors_give_shapes_only(random_inputs: Callable[..., Any]) -> None:
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(x) for x in random_inputs((2, 4, 8, 8), torch.float16)]
        following, carry = guided_step(*fakes)
    for out in (following, carry):
        assert out.shape == (2, 4, 8, 8)
        assert out.dtype == torch.float32


def test_a_compiled_graph_takes_every_draw(
    random_inputs: Callable[..., Any], expected: Callable[..., Any], assert_step: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 4, 8, 8))
    compiled = torch.compile(guided_step, fullgraph=True, backend="aot_eager")
    for draw in (0, 5):
        inputs[7] = torch.tensor([draw])
        assert_step(compiled(*inputs), expected(*inputs))


@pytest.mark.gpu
def test_a_cuda_graph_takes_every_draw(
    random_inputs: Callable[..., Any], expected: Callable[..., Any], assert_step: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 4, 8, 8), device="cuda")
    guided_step(*inputs)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = guided_step(*inputs)
    for draw in (0, 5):
        inputs[7].fill_(draw)
        graph.replay()
        on_host = [x.cpu() for x in inputs]
        assert_step(tuple(x.cpu() for x in outputs), expected(*on_host))
