"""`memory_efficient_attention` as an operator: its contract and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._attention import memory_efficient_attention


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("scale", "backend"), [(None, "auto"), (0.3, "sdpa"), (None, "flash"), (0.3, "math")]
)
def test_the_operator_keeps_its_contract(
    scale: float | None, backend: str, dtype: torch.dtype, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 6, 5, 3, 8), dtype)
    operator = torch.ops.zeroreal.memory_efficient_attention.default
    torch.library.opcheck(operator, (*inputs, 3, scale, backend))


@torch.no_grad()
def test_compiles_into_one_graph_for_any_batch(
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return memory_efficient_attention(query * 2, key, value, 2).relu()

    compiled = torch.compile(attend, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch in (3, 5):
        query, key, value = random_inputs((batch, 6, 5, 2, 8), torch.float32)
        wanted = expected(query * 2, key, value, 2).relu()
        assert_close(compiled(query, key, value), wanted)


def test_a_gradient_is_refused(
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    query, key, value = random_inputs((1, 4, 4, 2, 8), torch.float32)
    query.requires_grad_()
    with pytest.raises(RuntimeError, match=r"has no gradient: call it under torch.no_grad\(\)"):
        memory_efficient_attention(query, key, value, 2)
    with torch.no_grad():
        actual = memory_efficient_attention(query, key, value, 2)
    assert_close(actual, expected(query.detach(), key, value, 2))


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize(
    ("shapes", "heads", "message"),
    [
        ([(1, 2, 2, 8)] * 3, 2, r"must be \[B, S or T, C\], not \(1, 2, 2, 8\)"),
        ([(1, 2, 8), (1, 3, 8), (1, 4, 8)], 2, r"not \(1, 2, 8\), \(1, 3, 8\), \(1, 4, 8\)"),
        ([(2, 2, 8), (1, 3, 8), (1, 3, 8)], 2, "must agree in batch and channels"),
        ([(1, 2, 8), (1, 3, 6), (1, 3, 6)], 2, "must agree in batch and channels"),
        ([(1, 2, 8)] * 3, 3, "8 channels cannot be divided among 3 heads"),
        ([(1, 2, 8)] * 3, 0, "8 channels cannot be divided among 0 heads"),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(
    shapes: list[tuple[int, ...]], heads: int, message: str, fake: bool
) -> None:
    inputs = [torch.zeros(shape) for shape in shapes]
    if fake:
        mode = FakeTensorMode()
        inputs = [mode.from_tensor(x) for x in inputs]
    with pytest.raises(ValueError, match=message):
        memory_efficient_attention(*inputs, heads)


def test_dtypes_that_do_not_go_together_are_refused() -> None:
    single, half, whole = (
        torch.zeros(1, 2, 8, dtype=dtype) for dtype in (torch.float32, torch.float16, torch.int32)
    )
    with pytest.raises(ValueError, match=r"not torch\.float32 on cpu, torch\.float16 on cpu"):
        memory_efficient_attention(single, half, half, 2)
    with pytest.raises(ValueError, match=r"not torch\.int32 on cpu"):
        memory_efficient_attention(whole, whole, whole, 2)


@pytest.mark.gpu
def test_runs_inside_a_cuda_graph(
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    query, key, value = random_inputs((2, 64, 77, 8, 40), torch.float16, "cuda")
    memory_efficient_attention(query, key, value, 8)  # warm: chooses the backend
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = memory_efficient_attention(query, key, value, 8)
    query.neg_()
    graph.replay()
    assert_close(out, expected(query, key, value, 8))
