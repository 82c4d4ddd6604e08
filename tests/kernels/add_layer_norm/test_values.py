"""`add_layer_norm` against PyTorch's own operations in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._add_layer_norm import add_layer_norm, add_layer_norm_reference

EPS = 1e-5
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
SIZES = [(3, 16, 64), (1, 1280), (7, 1), (2, 3, 5, 19), (130, 33), (320,), (2, 12288)]


@pytest.mark.parametrize("function", [add_layer_norm, add_layer_norm_reference])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES)
def test_is_no_further_from_the_definition_than_plain_operations(
    function: Callable[..., tuple[Tensor, Tensor]],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    given = random_inputs(shape, dtype)
    assert_no_worse(function(*given, EPS), given)


@pytest.mark.parametrize(("mean", "tolerance"), [(50.0, 1e-5), (3e4, 2e-3)])
def test_a_mean_far_from_zero_costs_no_precision(
    mean: float,
    tolerance: float,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Tensor],
) -> None:
    given = random_inputs((20, 640), torch.float32, mean)
    total, norm = add_layer_norm(*given, EPS)
    wanted = expected(total, *given[2:])
    torch.testing.assert_close(norm.double(), wanted, rtol=tolerance, atol=tolerance)


def test_nan_stays_in_its_row(random_inputs: Callable[..., Any]) -> None:
    values, *others = random_inputs((3, 20), torch.float32)
    values[1, 4] = float("nan")
    total, norm = add_layer_norm(values, *others, EPS)
    assert total.isnan().nonzero().tolist() == [[1, 4]]
    assert norm.isnan().any(dim=1).tolist() == [False, True, False]
    assert norm[1].isnan().all()


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
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    values, residual = (view(x) for x in random_inputs((6, 5, 24), torch.float32)[:2])
    weight, bias = random_inputs((2 * values.shape[-1],), torch.float32)[2:]
    given = (values, residual, weight[::2], bias[::2])
    assert_no_worse(add_layer_norm(*given, EPS), given)


def test_what_was_given_is_not_changed(random_inputs: Callable[..., Any]) -> None:
    given = random_inputs((6, 24), torch.float32)
    before = [tensor.clone() for tensor in given]
    add_layer_norm(*given, EPS)
    assert all(map(torch.equal, given, before))


def test_neither_batch_nor_threads_change_a_row(random_inputs: Callable[..., Any]) -> None:
    values, residual, *affine = random_inputs((37, 9, 333), torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = add_layer_norm(values, residual, *affine, EPS)
        torch.set_num_threads(3)
        rows = zip(values, residual, strict=True)
        alone = [add_layer_norm(value, more, *affine, EPS) for value, more in rows]
    finally:
        torch.set_num_threads(threads)
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.equal(torch.stack(parts), whole)


@pytest.mark.parametrize("function", [add_layer_norm, add_layer_norm_reference])
@pytest.mark.parametrize("shape", [(0, 8), (2, 0, 8)])
def test_nothing_gives_nothing(
    function: Callable[..., tuple[Tensor, Tensor]], shape: tuple[int, ...]
) -> None:
    empty, ones = torch.zeros(shape), torch.ones(8)
    assert [x.shape for x in function(empty, empty, ones, ones, EPS)] == [shape, shape]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SIZES, (4, 4096, 640), (600_000, 24)])
def test_cuda_is_no_further_from_the_definition_than_plain_operations(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    given = tuple(x.cuda() for x in random_inputs(shape, dtype))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        out = add_layer_norm(*given, EPS)
    stream.synchronize()
    assert_no_worse(out, given)


@pytest.mark.gpu
def test_cuda_gives_a_row_the_same_bits_in_any_batch_and_in_a_graph(
    random_inputs: Callable[..., Any],
) -> None:
    values, residual, *affine = (x.cuda() for x in random_inputs((300, 640), torch.bfloat16))
    together = add_layer_norm(values, residual, *affine, EPS)
    alone = add_layer_norm(values[7:8], residual[7:8], *affine, EPS)
    assert all(torch.equal(whole[7:8], part) for whole, part in zip(together, alone, strict=True))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = add_layer_norm(values, residual, *affine, EPS)
    graph.replay()
    torch.cuda.synchronize()
    assert all(map(torch.equal, captured, together))
