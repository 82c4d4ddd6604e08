"""The graphs of a model folder as PyTorch modules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.garbage import uncollected
from ...kernels import resolve_attention_backend
from ..model.components import load_text_encoders, load_unet, load_vae
from ..model.distilled_lora import lora_of, tell_of_guidance
from ..model.lora_merge import merge_into_text_encoders, merge_into_unet
from ..model.model_info import SDXL
from ..model.parts import ModelParts
from ..model.vae_folder import check_encodes
from .attention_processor import MemoryEfficientAttnProcessor
from .fused_norms import fuse_norms
from .fused_transformers import fuse_transformers
from .specs import DENOISE, TEXT_ENCODER, VAE_ENCODER
from .steps import DenoiseStep, TextEncoder, VaeDecoder
from .vae_encoder import VaeEncoder

if TYPE_CHECKING:
    from diffusers.models.activations import GEGLU
    from diffusers.models.upsampling import Upsample2D


@uncollected()
def load_module(
    name: str,
    parts: ModelParts,
    dtype: torch.dtype | None,
    attention: str = "auto",
    native: bool = False,
    eager: bool = False,
) -> nn.Module:
    """The graph called `name` with weights in `dtype` (None: as stored), on the CPU.

    `attention` is the UNet's backend of `memory_efficient_attention`. With `native`, which is not
    for export, norms are computed by our kernel, and the module is channels-last. With `eager` too,
    which is not for compiling, so are the gates and residuals of transformers.
    """
    module = _load(name, parts, dtype, attention, split_gates=not eager)
    if eager:
        fuse_transformers(module)
    return fuse_norms(module).to(memory_format=torch.channels_last) if native else module


def _load(
    name: str, parts: ModelParts, dtype: torch.dtype | None, attention: str, split_gates: bool
) -> nn.Module:
    if name == TEXT_ENCODER:
        encoders = load_text_encoders(
            parts.folder, parts.info, dtype, parts.variant, parts.inversions
        )
        merge_into_text_encoders(encoders, parts.loras)
        return TextEncoder(encoders, parts.info.clip_skip)
    if name == DENOISE:
        unet = load_unet(parts.unet, dtype, parts.variant)
        loras = parts.loras
        if parts.distilled_lora is not None:
            tell_of_guidance(unet, parts.distilled_lora)
            loras = (lora_of(parts.distilled_lora), *loras)
        merge_into_unet(unet, loras)
        unet.set_attn_processor(MemoryEfficientAttnProcessor(attention))
        return DenoiseStep(_streamlined(unet, split_gates), parts.info.guidance_channels)
    return _vae_encoder(parts, dtype) if name == VAE_ENCODER else _vae_decoder(parts, dtype)


def _vae_decoder(parts: ModelParts, dtype: torch.dtype | None) -> VaeDecoder:
    from diffusers import AutoencoderKL

    vae = load_vae(parts.vae, dtype, parts.variant)
    vae.encoder = None  # images only come out
    if isinstance(vae, AutoencoderKL):
        vae.quant_conv = None
        # Its one wide head suits few backends.
        vae.set_attn_processor(MemoryEfficientAttnProcessor())
    return VaeDecoder(_streamlined(vae), uses_statistics=parts.info.pipeline == SDXL)


def _vae_encoder(parts: ModelParts, dtype: torch.dtype | None) -> VaeEncoder:
    check_encodes(parts.vae)
    vae: Any = load_vae(parts.vae, dtype, parts.variant)
    vae.decoder = vae.post_quant_conv = None  # images only go in
    vae.set_attn_processor(MemoryEfficientAttnProcessor())
    return VaeEncoder(vae, uses_statistics=parts.info.pipeline == SDXL)


def check_attention(module: nn.Module, backend: str, device: torch.device) -> None:
    """Raise `InputError` if the attention backend cannot serve a layer of `module` on `device`."""
    for layer in module.modules():
        if not isinstance(getattr(layer, "processor", None), MemoryEfficientAttnProcessor):
            continue
        attention: Any = layer
        weight = attention.to_q.weight
        head_size = len(weight) // attention.heads
        try:
            resolve_attention_backend(backend, device, weight.dtype, head_size)
        except ValueError as error:
            raise InputError(str(error)) from None


def _streamlined(model: nn.Module, split_gates: bool = True) -> nn.Module:
    """Replace what of `diffusers` cannot be traced for any batch, or makes copies for nothing."""
    from diffusers.models.activations import GEGLU
    from diffusers.models.upsampling import Upsample2D

    for layer in model.modules():
        if isinstance(layer, Upsample2D):
            layer.forward = partial(_upsample, layer)
        elif isinstance(layer, GEGLU) and split_gates:
            _split(layer)
    return model


def _split(layer: GEGLU) -> None:
    """Make the one projection whose result is cut in two into two projections."""
    projection = layer.proj
    halves = zip(projection.weight.chunk(2), projection.bias.chunk(2), strict=True)
    layer.proj = nn.ModuleList(_linear(weight, bias) for weight, bias in halves)
    layer.forward = partial(_geglu, layer)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = (nn.Parameter(x, requires_grad=False) for x in (weight, bias))
    return layer


def _geglu(layer: GEGLU, tokens: Tensor) -> Tensor:
    value, gate = layer.proj
    gated: Tensor = value(tokens) * F.gelu(gate(tokens))
    return gated


def _upsample(
    layer: Upsample2D, images: Tensor, output_size: Sequence[int] | None = None
) -> Tensor:
    """Without the path that `diffusers` takes from 64 images on, for old versions of PyTorch."""
    if output_size is None:
        enlarged = F.interpolate(images, scale_factor=2.0, mode="nearest")
    else:
        enlarged = F.interpolate(images, size=output_size, mode="nearest")
    result: Tensor = (layer.conv if layer.name == "conv" else layer.Conv2d_0)(enlarged)
    return result
