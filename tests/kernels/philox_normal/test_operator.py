"""`philox_normal` as an operator: what it refuses, its contract, compiled."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._philox_normal import philox_normal, philox_normal_

SEEDS = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x0123456789ABCDEF])


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
