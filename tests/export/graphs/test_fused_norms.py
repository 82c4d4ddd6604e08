"""Models with fused norms against the same models of `diffusers`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from zeroreal.export.graphs.attention_processor import MemoryEfficientAttnProcessor
from zeroreal.export.graphs.fused_norms import GroupNormSilu, fuse_norms

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
SD2 = {"use_linear_projection": True, "attention_head_dim": (2, 4), "upcast_attention": True}
# What Stable Diffusion has not, which stays as it is.
SCALE_SHIFT = {"resnet_time_scale_shift": "scale_shift"}
RESIZING = {"down_block_types": ("ResnetDownsampleBlock2D", "DownBlock2D")}
OTHER_ACTIVATION = {"act_fn": "gelu"}


def seeded(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def unet(**options: Any) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return _with_random_norms(UNet2DConditionModel(**{**SD1, **options}))


def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    model = AutoencoderKL(
        block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
    )
    return _with_random_norms(model)


def _with_random_norms(model: nn.Module) -> Any:
    """Weights other than the 1 and 0 that norms begin with."""
    for layer in model.modules():
        if isinstance(layer, nn.GroupNorm):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    return model.eval()


def predict(model: UNet2DConditionModel) -> Tensor:
    inputs = (seeded(3, 4, 8, 8), torch.tensor(500.0), seeded(3, 7, 24))
    out: Tensor = model(*inputs, return_dict=False)[0]
    return out


def assert_same(actual: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    "options",
    [{}, SD2, SCALE_SHIFT, RESIZING, OTHER_ACTIVATION],
    ids=["sd1", "sd2", "scale-shift", "resizing", "other-activation"],
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_a_unet_predicts_what_it_did(
    options: dict[str, Any], memory_format: torch.memory_format
) -> None:
    model = unet(**options)
    wanted = predict(model)
    fused = fuse_norms(model.to(memory_format=memory_format))
    assert isinstance(fused, UNet2DConditionModel)
    assert_same(predict(fused), wanted)


@pytest.mark.parametrize("ours", [False, True], ids=["attention of diffusers", "our attention"])
@torch.no_grad()
def test_a_vae_decodes_what_it_did(ours: bool) -> None:
    model, latents = vae(), seeded(2, 4, 6, 10)
    wanted = model.decode(latents).sample
    if ours:
        model.set_attn_processor(MemoryEfficientAttnProcessor())
    fuse_norms(model.decoder.to(memory_format=torch.channels_last))
    assert_same(model.decode(latents).sample, wanted)


@torch.no_grad()
def test_the_embedded_unet_has_no_group_norm_left_and_predicts_what_it_did() -> None:
    model = UNet2DConditionModel.from_pretrained(EMBEDDED, subfolder="unet").eval()
    inputs = (seeded(3, 4, 8, 8), torch.tensor([900.0, 500.0, 20.0]), seeded(3, 7, 128))
    wanted = model(*inputs, return_dict=False)[0]
    norms = sum(isinstance(layer, nn.GroupNorm) for layer in model.modules())
    fuse_norms(model)
    kinds = [type(layer) for layer in model.modules()]
    assert nn.GroupNorm not in kinds
    assert kinds.count(GroupNormSilu) == norms
    assert_same(model(*inputs, return_dict=False)[0], wanted)


@torch.no_grad()
def test_bf16_is_no_further_from_fp32_than_with_the_norms_of_pytorch() -> None:
    model = unet()
    wanted = predict(model)
    half = copy.deepcopy(model).to(torch.bfloat16)
    inputs = (seeded(3, 4, 8, 8).bfloat16(), torch.tensor(500.0), seeded(3, 7, 24).bfloat16())
    before = (half(*inputs, return_dict=False)[0].float() - wanted).abs().mean()
    after = (fuse_norms(half)(*inputs, return_dict=False)[0].float() - wanted).abs().mean()
    assert after < 1.1 * before


@torch.no_grad()
def test_what_was_given_is_not_changed() -> None:
    model = fuse_norms(unet().to(memory_format=torch.channels_last))
    sample, context = seeded(3, 4, 8, 8), seeded(3, 7, 24)
    first = model(sample, torch.tensor(500.0), context, return_dict=False)[0]
    assert torch.equal(sample, seeded(3, 4, 8, 8))
    assert torch.equal(context, seeded(3, 7, 24))
    assert torch.equal(model(sample, torch.tensor(500.0), context, return_dict=False)[0], first)


@torch.no_grad()
def test_an_exported_program_gives_the_same_for_any_batch() -> None:
    model = fuse_norms(unet())
    batch = torch.export.Dim("batch", max=63)  # `diffusers` upsamples larger ones otherwise
    inputs = (seeded(3, 4, 8, 8), torch.tensor(500.0), seeded(3, 7, 24))
    program = torch.export.export(
        model,
        inputs,
        {"return_dict": False},
        dynamic_shapes={
            "sample": {0: batch},
            "timestep": None,
            "encoder_hidden_states": {0: batch},
            "return_dict": None,
        },
    )
    nodes = [str(node.target) for node in program.graph.nodes]
    assert nodes.count("zeroreal.group_norm_silu.default") == sum(
        isinstance(layer, GroupNormSilu) for layer in model.modules()
    )
    for size in (2, 5):
        given = (seeded(size, 4, 8, 8), torch.tensor(500.0), seeded(size, 7, 24))
        wanted = model(*given, return_dict=False)[0]
        assert_same(program.module()(*given, return_dict=False)[0], wanted)
