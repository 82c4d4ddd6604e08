"""`geglu` as an operator: what it refuses, its contract, compiled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._geglu import geglu, geglu_reference


@pytest.mark.parametrize("function", [geglu, geglu_reference])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.zeros(3, 7), r"must be \[\.\.\., 2 \* H\], .* \(3, 7\)"),
        (torch.zeros(()), r"must be \[\.\.\., 2 \* H\], .* \(\)"),
        (torch.zeros(3, 8).double(), "not torch.float64"),
        (torch.zeros(3, 8).int(), "not torch.int32"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    function: Callable[[Tensor], Tensor], given: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(given)


def test_the_operator_is_well_formed(projected: Callable[..., Tensor]) -> None:
    operator = torch.ops.zeroreal.geglu.default
    torch.library.opcheck(operator, (projected((2, 5, 12), torch.float32),))
    torch.library.opcheck(operator, (projected((12, 6), torch.float32).T,))


def test_fake_and_meta_tensors_give_shapes_only() -> None:
    with FakeTensorMode():
        fake = geglu(torch.empty(2, 6, 8).half())
    for out in (fake, geglu(torch.empty(2, 6, 8, device="meta").half())):
        assert (out.shape, out.dtype) == ((2, 6, 4), torch.float16)


def test_torch_compile_keeps_it_in_one_graph(projected: Callable[..., Tensor]) -> None:
    given = projected((2, 5, 12), torch.float32)

    def layer(given: Tensor) -> Tensor:
        return geglu(given * 2) + 1

    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(given), layer(given))
