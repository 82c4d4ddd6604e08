"""Linear layers by oneDNN against PyTorch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from zeroreal.export.graphs.onednn_linear import use_onednn_linear


def seeded(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def layers(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 40), nn.Sequential(nn.SiLU(), nn.Linear(40, 7, bias=False)))
    return model.to(dtype).eval()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN here")
@pytest.mark.parametrize("shape", [(24,), (1, 24), (5, 24), (3, 9, 24), (0, 24)])
@torch.inference_mode()
def test_every_layer_gives_what_it_did(shape: tuple[int, ...]) -> None:
    model = layers(torch.float32)
    wanted = copy.deepcopy(model)(seeded(*shape))
    replaced = use_onednn_linear(model)
    assert not any(type(layer) is nn.Linear for layer in replaced.modules())
    torch.testing.assert_close(replaced(seeded(*shape)), wanted, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_tokens_of_any_strides_are_taken() -> None:
    model = layers(torch.float32)
    tokens = seeded(3, 24, 9).transpose(1, 2)
    wanted = copy.deepcopy(model)(tokens)
    torch.testing.assert_close(use_onednn_linear(model)(tokens), wanted, rtol=1e-5, atol=1e-5)


def test_other_dtypes_stay_as_they_are() -> None:
    model = use_onednn_linear(layers(torch.bfloat16))
    assert sum(type(layer) is nn.Linear for layer in model.modules()) == 2
