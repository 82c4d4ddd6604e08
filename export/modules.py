"""The graphs of a model folder as PyTorch modules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..engine.errors import InputError
from ..kernels import resolve_attention_backend
from .attention_processor import MemoryEfficientAttnProcessor
from .components import load_text_encoders, load_unet, load_vae
from .graphs import DENOISE, TEXT_ENCODER, DenoiseStep, TextEncoder, VaeDecoder
from .lora import Lora, merge_into_text_encoders, merge_into_unet
from .model_info import ModelInfo

if TYPE_CHECKING:
    from diffusers.models.upsampling import Upsample2D


def load_module(
    name: str,
    folder: Path,
    info: ModelInfo,
    dtype: torch.dtype | None,
    loras: Sequence[Lora] = (),
    attention: str = "auto",
) -> nn.Module:
    """The graph called `name` with weights in `dtype` (None: as stored), on the CPU.

    `attention` is the UNet's backend of `memory_efficient_attention`.
    """
    if name == TEXT_ENCODER:
        encoders = load_text_encoders(folder, info, dtype)
        merge_into_text_encoders(encoders, loras)
        return TextEncoder(encoders)
    if name == DENOISE:
        unet = load_unet(folder, dtype)
        merge_into_unet(unet, loras)
        unet.set_attn_processor(MemoryEfficientAttnProcessor(attention))
        return DenoiseStep(_for_any_batch(unet))
    vae = load_vae(folder, dtype)
    vae.encoder = vae.quant_conv = None  # images only come out
    vae.set_attn_processor(MemoryEfficientAttnProcessor())  # its one wide head suits few backends
    return VaeDecoder(_for_any_batch(vae))


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


def _for_any_batch(model: nn.Module) -> nn.Module:
    """Replace the upsampling, which takes another path from 64 images on: no graph could be traced.

    That path works around an error of old PyTorch versions.
    """
    from diffusers.models.upsampling import Upsample2D

    for layer in model.modules():
        if isinstance(layer, Upsample2D):
            layer.forward = partial(_upsample, layer)
    return model


def _upsample(
    layer: Upsample2D, images: Tensor, output_size: Sequence[int] | None = None
) -> Tensor:
    if output_size is None:
        enlarged = F.interpolate(images, scale_factor=2.0, mode="nearest")
    else:
        enlarged = F.interpolate(images, size=output_size, mode="nearest")
    result: Tensor = (layer.conv if layer.name == "conv" else layer.Conv2d_0)(enlarged)
    return result
