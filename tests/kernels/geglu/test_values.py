"""`geglu` against PyTorch's own operations in float64, and against diffusers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.activations import GEGLU
from torch import Tensor

from zeroreal.kernels._geglu import geglu, geglu_reference

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
SIZES = [(3, 16, 64), (1, 2560), (7, 2), (2, 3, 5, 38), (130, 514), (1026,)]


@pytest.mark.parametrize("function", [geglu, geglu_reference])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES)
def test_is_no_further_from_the_definition_than_plain_operations(
    function: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    given = projected(shape, dtype)
    assert_no_worse(function(given), given)


@torch.no_grad()
def test_equals_the_layer_of_diffusers() -> None:
    torch.manual_seed(0)
    layer, tokens = GEGLU(24, 40), torch.randn(2, 9, 24)
    torch.testing.assert_close(geglu(layer.proj(tokens)), layer(tokens), rtol=1e-6, atol=1e-6)


def test_gates_below_zero_keep_their_digits(expected: Callable[..., Tensor]) -> None:
    gates = torch.linspace(-13, 13, 100_003)
    given = torch.stack([torch.ones_like(gates), gates], dim=1)
    # What is left is the rounding of the square, of at most 85, before its exponential.
    torch.testing.assert_close(geglu(given).double(), expected(given), rtol=1e-5, atol=0)
    near = given[gates.abs() < 3]
    torch.testing.assert_close(geglu(near).double(), expected(near), rtol=1e-6, atol=0)


def test_the_largest_gate_stays_and_the_smallest_closes() -> None:
    infinity = float("inf")
    gates = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, infinity, -infinity])
    given = torch.stack([torch.ones_like(gates), gates], dim=1)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, infinity, 0.0])
    torch.testing.assert_close(geglu(given).squeeze(1), wanted, rtol=0, atol=1e-30)


def test_nan_stays_where_it_is(projected: Callable[..., Tensor]) -> None:
    given = projected((3, 20), torch.float32)
    given[0, 1] = given[2, 13] = float("nan")
    assert geglu(given).isnan().nonzero().tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:, :, 2:14],
        lambda x: x.transpose(0, 2),
        lambda x: x[:1].expand(4, -1, -1),
        lambda x: x[:, ::2, ::2],
    ],
    ids=["offset", "transposed", "one-row", "steps"],
)
def test_strides_are_followed(
    view: Callable[[Tensor], Tensor],
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    given = view(projected((6, 5, 24), torch.float32))
    assert_no_worse(geglu(given), given)


def test_neither_batch_nor_threads_change_a_row(projected: Callable[..., Tensor]) -> None:
    given = projected((37, 9, 1030), torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = geglu(given)
        torch.set_num_threads(3)
        alone = torch.stack([geglu(rows) for rows in given])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


@pytest.mark.parametrize("function", [geglu, geglu_reference])
@pytest.mark.parametrize("shape", [(0, 8), (2, 0, 8), (3, 0)])
def test_nothing_gives_nothing(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    assert function(torch.zeros(shape)).shape == (*shape[:-1], shape[-1] // 2)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SIZES, (4, 1024, 10240), (70_000, 18)])
def test_cuda_is_no_further_from_the_definition_than_plain_operations(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    given = projected(shape, dtype).cuda()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        out = geglu(given)
    stream.synchronize()
    assert_no_worse(out, given)


@pytest.mark.gpu
def test_cuda_gives_a_row_the_same_bits_in_any_batch_and_in_a_graph(
    projected: Callable[..., Tensor],
) -> None:
    given = projected((300, 1280), torch.bfloat16).cuda()
    together = geglu(given)
    assert torch.equal(together[7:8], geglu(given[7:8]))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = geglu(given)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(captured, together)
