"""The attention processor against `diffusers`' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor,
    AttnProcessor2_0,
)
from torch import Tensor

from zeroreal.base import InputError
from zeroreal.export.graphs.attention_processor import MemoryEfficientAttnProcessor

EMBEDDED = Path(__file__).parents[3] / "assets" / "tiny-fashion"

TINY_UNET: dict[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 24,
    "norm_num_groups": 8,
}
# As Stable Diffusion 2.x and SDXL are configured, but small.
SD2 = {"use_linear_projection": True, "attention_head_dim": (2, 4), "upcast_attention": True}
SDXL = {
    "use_linear_projection": True,
    "attention_head_dim": (2, 4),
    "transformer_layers_per_block": (1, 2),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 16 + 6 * 8,
}


def seeded(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def unet(**options: Any) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(**{**TINY_UNET, **options}).eval()


def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
    ).eval()


def predict(model: UNet2DConditionModel) -> Tensor:
    added = {"text_embeds": seeded(3, 16), "time_ids": seeded(3, 6)}
    out: Tensor = model(
        seeded(3, 4, 8, 8),
        torch.tensor([900.0, 500.0, 20.0]),
        seeded(3, 7, model.config.cross_attention_dim),
        added_cond_kwargs=added if model.config.addition_embed_type else None,
        return_dict=False,
    )[0]
    return out


def assert_same(actual: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", ["auto", "math"])
@pytest.mark.parametrize("options", [{}, SD2, SDXL], ids=["sd1", "sd2", "sdxl"])
@torch.no_grad()
def test_a_unet_predicts_what_it_does_with_the_attention_of_diffusers(
    options: dict[str, Any], backend: str
) -> None:
    model = unet(**options)
    model.set_attn_processor(AttnProcessor2_0())
    wanted = predict(model)
    model.set_attn_processor(MemoryEfficientAttnProcessor(backend))
    assert_same(predict(model), wanted)


@torch.no_grad()
def test_the_embedded_unet_predicts_what_it_does_with_the_attention_of_diffusers() -> None:
    model = UNet2DConditionModel.from_pretrained(EMBEDDED, subfolder="unet").eval()
    wanted = predict(model)
    model.set_attn_processor(MemoryEfficientAttnProcessor())
    assert_same(predict(model), wanted)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_a_vae_decodes_what_it_does_with_the_attention_of_diffusers(
    memory_format: torch.memory_format,
) -> None:
    model = vae().to(memory_format=memory_format)
    latents = seeded(2, 4, 6, 10).contiguous(memory_format=memory_format)
    wanted = model.decode(latents).sample
    model.set_attn_processor(MemoryEfficientAttnProcessor())
    assert_same(model.decode(latents).sample, wanted)


@pytest.mark.parametrize(
    "options",
    [
        {"bias": True, "out_bias": False},
        {"cross_attention_dim": 12, "cross_attention_norm": "layer_norm"},
        {
            "cross_attention_dim": 12,
            "cross_attention_norm": "group_norm",
            "cross_attention_norm_num_groups": 3,
        },
        {"norm_num_groups": 4, "residual_connection": True, "rescale_output_factor": 1.7},
        {"qk_norm": "rms_norm"},
        {"qk_norm": "layer_norm"},
        {"dim_head": 5, "heads": 3},
    ],
)
@torch.no_grad()
def test_every_option_of_an_attention_layer_is_followed(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = Attention(**{"query_dim": 16, "heads": 2, "dim_head": 8, **options}).eval()
    for parameter in layer.parameters():
        parameter.copy_(torch.randn_like(parameter))
    tokens = seeded(3, 9, 16)
    context = seeded(3, 5, 12) if "cross_attention_dim" in options else None
    wanted = AttnProcessor2_0()(layer, tokens, context)
    assert_same(MemoryEfficientAttnProcessor()(layer, tokens, context), wanted)


@torch.no_grad()
def test_spatial_norm_is_followed() -> None:
    torch.manual_seed(0)
    layer = Attention(32, heads=2, dim_head=16, spatial_norm_dim=4, residual_connection=True).eval()
    image, latents = seeded(2, 32, 4, 6), seeded(2, 4, 2, 3)
    wanted = AttnProcessor2_0()(layer, image, temb=latents)
    assert_same(MemoryEfficientAttnProcessor()(layer, image, temb=latents), wanted)


@torch.no_grad()
def test_attention_that_is_not_scaled_stays_so() -> None:
    torch.manual_seed(0)
    layer = Attention(16, heads=2, dim_head=8, scale_qk=False).eval()
    tokens = seeded(3, 9, 16)
    wanted = AttnProcessor()(layer, tokens)
    assert_same(MemoryEfficientAttnProcessor()(layer, tokens), wanted)


def test_a_mask_is_refused() -> None:
    layer = Attention(16, heads=2, dim_head=8)
    with pytest.raises(InputError, match=r"mask of shape \(3, 1, 9\) was given"):
        MemoryEfficientAttnProcessor()(layer, seeded(3, 9, 16), attention_mask=seeded(3, 1, 9))
