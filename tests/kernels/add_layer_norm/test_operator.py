"""`add_layer_norm` as an operator: what it refuses, its contract, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._add_layer_norm import add_layer_norm, add_layer_norm_reference

ROWS, ONES = torch.zeros(3, 8), torch.ones(8)
WIDE = torch.zeros(1, 12289)


@pytest.mark.parametrize("function", [add_layer_norm, add_layer_norm_reference])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((torch.zeros(()), torch.zeros(()), ONES, ONES), r"must be \[\.\.\., C\]"),
        ((ROWS[:, :0], ROWS[:, :0], ONES[:0], ONES[:0]), r"1 to 12288 channels, .* \(3, 0\)"),
        ((WIDE, WIDE, WIDE[0], WIDE[0]), r"1 to 12288 channels, .* \(1, 12289\)"),
        ((ROWS.double(), ROWS.double(), ONES.double(), ONES.double()), "not torch.float64"),
        ((ROWS, ROWS[:1], ONES, ONES), r"residual must be of shape \(3, 8\), .* \(1, 8\)"),
        ((ROWS, ROWS.half(), ONES, ONES), "residual .*float16"),
        ((ROWS, ROWS, ONES[:7], ONES), r"weight .* \(7,\)"),
        ((ROWS, ROWS, ONES, ONES.half()), "bias .*float16"),
    ],
)
def test_what_does_not_go_together_is_refused(
    function: Callable[..., Any], given: tuple[Tensor, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(*given, 1e-5)


def test_the_operator_is_well_formed(random_inputs: Callable[..., Any]) -> None:
    operator = torch.ops.zeroreal.add_layer_norm.default
    values, residual, weight, bias = random_inputs((2, 5, 12), torch.float32)
    torch.library.opcheck(operator, (values, residual, weight, bias, 1e-5))
    torch.library.opcheck(operator, (values.mT.contiguous().mT, residual, weight, bias, 1e-5))


def test_fake_and_meta_tensors_give_shapes_only() -> None:
    with FakeTensorMode():
        rows, ones = torch.empty(2, 6, 8).half(), torch.empty(8).half()
        fake = add_layer_norm(rows, rows, ones, ones, 1e-5)
    rows, ones = (torch.empty(shape, device="meta") for shape in ((2, 6, 8), (8,)))
    for out in (*fake, *add_layer_norm(rows.half(), rows.half(), ones.half(), ones.half(), 1e-5)):
        assert (out.shape, out.dtype) == ((2, 6, 8), torch.float16)


def test_torch_compile_keeps_it_in_one_graph(random_inputs: Callable[..., Any]) -> None:
    values, *others = random_inputs((2, 5, 12), torch.float32)

    def layer(values: Tensor) -> Tensor:
        total, norm = add_layer_norm(values * 2, *others, 1e-5)
        return total + norm

    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(values), layer(values))
