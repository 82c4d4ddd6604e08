"""Modules of narrow weights that compute in float32 for a while."""

import pytest
import torch
from torch import nn

from zeroreal.export.onnx.float32_weights import float32_weights

HALF = (torch.float16, torch.bfloat16)


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, values):
        if self.scale.dtype == torch.float32:
            raise ArithmeticError("as asked")
        return values


@pytest.mark.parametrize("dtype", HALF)
def test_narrow_weights_compute_in_float32_and_come_back(dtype):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4))
    module.to(dtype).requires_grad_(False)
    stored = {name: weight.clone() for name, weight in module.state_dict().items()}
    values = torch.randn(3, 8)
    with float32_weights(module):
        found = module(values)
    for name, weight in module.state_dict().items():
        assert weight.dtype == dtype
        assert torch.equal(weight, stored[name])
    assert torch.equal(found, module.float()(values))


def test_narrow_weights_come_back_after_an_error():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), Failing())).half()
    with pytest.raises(ArithmeticError, match="as asked"), float32_weights(module):
        module(torch.zeros(1, 2))
    assert {weight.dtype for weight in module.parameters()} == {torch.float16}
    assert module[1][1](1) == 1, "it is as it was, without float32"
