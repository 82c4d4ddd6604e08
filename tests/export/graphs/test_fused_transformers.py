"""Transformers with fused gates and residuals against the same ones of `diffusers`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.activations import GEGLU
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from zeroreal.export.graphs.fused_norms import fuse_norms
from zeroreal.export.graphs.fused_transformers import FusedBlocks, fuse_transformers
from zeroreal.export.graphs.modules import load_module
from zeroreal.export.model.parts import find_parts

EMBEDDED = Path(__file__).parents[3] / "assets" / "tiny-fashion"

SD1: dict[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 24,
    "norm_num_groups": 8,
}
SEVERAL = {"transformer_layers_per_block": (3, 2), "use_linear_projection": True}
ONLY_CROSS = {"only_cross_attention": True}
TRANSFORMERS = 4  # of any of these


def seeded(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def unet(**options: Any) -> UNet2DConditionModel:
    """With weights other than the 1 and 0 that norms begin with."""
    torch.manual_seed(0)
    model = UNet2DConditionModel(**{**SD1, **options})
    for layer in model.modules():
        if isinstance(layer, nn.LayerNorm):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    return model.eval()


def predict(model: nn.Module, dtype: torch.dtype = torch.float32) -> Tensor:
    sample, context = seeded(3, 4, 8, 8).to(dtype), seeded(3, 7, 24).to(dtype)
    out: Tensor = model(sample, torch.tensor(500.0), context, return_dict=False)[0]
    return out


def assert_same(actual: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=2e-5)


def fused_blocks(model: nn.Module) -> int:
    return sum(isinstance(layer, FusedBlocks) for layer in model.modules())


@pytest.mark.parametrize("options", [{}, SEVERAL, ONLY_CROSS], ids=["sd1", "several", "cross"])
@pytest.mark.parametrize("norms", [False, True], ids=["norms of diffusers", "our norms"])
@torch.no_grad()
def test_a_unet_predicts_what_it_did(
    options: dict[str, Any], norms: bool, kernel_calls: Callable[[nn.Module], list[str]]
) -> None:
    model = unet(**options)
    wanted = predict(model)
    blocks = sum(isinstance(layer, BasicTransformerBlock) for layer in model.modules())
    fuse_transformers(fuse_norms(model) if norms else model)
    assert_same(predict(model), wanted)
    assert fused_blocks(model) == TRANSFORMERS
    calls = kernel_calls(model)
    assert calls.count("geglu") == blocks
    assert calls.count("add_layer_norm") == 3 * blocks - TRANSFORMERS


@pytest.fixture
def kernel_calls() -> Callable[[nn.Module], list[str]]:
    """The operators of ours that a prediction calls."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Calls(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.namespace == "zeroreal":
                self.names.append(func._schema.name.removeprefix("zeroreal::"))
            return func(*args, **(kwargs or {}))

    def calls(model: nn.Module) -> list[str]:
        with Calls() as mode:
            predict(model)
        return mode.names

    return calls


def _chunked(block: BasicTransformerBlock) -> None:
    block.set_chunk_feed_forward(2, 1)


def _without_weights(block: BasicTransformerBlock) -> None:
    block.norm3 = nn.LayerNorm(block.dim, elementwise_affine=False)


def _positions(block: BasicTransformerBlock) -> None:
    block.pos_embed = nn.Identity()


def _other_norm(block: BasicTransformerBlock) -> None:
    block.norm_type = "layer_norm_i2vgen"


def _gated(block: BasicTransformerBlock) -> None:
    block.fuser = nn.Identity()


@pytest.mark.parametrize("change", [_chunked, _without_weights, _positions, _other_norm, _gated])
@torch.no_grad()
def test_a_transformer_with_another_kind_of_block_keeps_its_blocks(
    change: Callable[[BasicTransformerBlock], None],
) -> None:
    model = unet(**SEVERAL)
    change(model.mid_block.attentions[0].transformer_blocks[1])
    wanted = predict(model)
    fuse_transformers(model)
    assert fused_blocks(model) == TRANSFORMERS - 1
    assert fused_blocks(model.mid_block) == 0
    assert_same(predict(model), wanted)


@torch.no_grad()
def test_bf16_is_no_further_from_fp32_than_with_the_operations_of_pytorch() -> None:
    model = unet()
    wanted = predict(model)
    half = copy.deepcopy(model).to(torch.bfloat16)
    before = (predict(half, torch.bfloat16).float() - wanted).abs().mean()
    after = (predict(fuse_transformers(half), torch.bfloat16).float() - wanted).abs().mean()
    assert after < 1.1 * before


@torch.no_grad()
def test_the_embedded_model_is_fused_for_eager_engines_only() -> None:
    parts = find_parts(EMBEDDED)
    eager = load_module("denoise", parts, torch.float32, native=True, eager=True)
    compiled = load_module("denoise", parts, torch.float32, native=True)
    exported = load_module("denoise", parts, torch.float32)
    assert [fused_blocks(step) > 0 for step in (eager, compiled, exported)] == [True, False, False]
    joined = [
        {type(layer.proj) for layer in step.modules() if isinstance(layer, GEGLU)}
        for step in (eager, compiled, exported)
    ]
    assert joined == [{nn.Linear}, {nn.ModuleList}, {nn.ModuleList}]
