"""Merging LoRA files into a model's weights before they are exported.

`diffusers` knows how programs spell the layers in their files. The sum is done here: `diffusers`
0.42 loses most alphas of a kohya file whose layers differ in theirs and only warns of what it does
not know, and `peft` rounds half-precision weights anew for every file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from .lora import Lora
from .lora_changes import layer_name, read_changes
from .lora_file import (
    TEXT_ENCODER_NAMES,
    UNET_NAMES,
    Tensors,
)

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel


def merge_into_unet(unet: UNet2DConditionModel, loras: Sequence[Lora]) -> None:
    """Add the UNet layers of the files to the weights of `unet`, which lie on the CPU, in place.

    A weight that several files change is summed in float32 and rounded to its own dtype once.

    Raises:
        InputError: for a file that is damaged, holds more than plain LoRA layers, or was made for
            another architecture; no weight has changed then.
    """
    from diffusers.loaders import StableDiffusionXLLoraLoaderMixin
    from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft

    def renamed(tensors: Tensors) -> Tensors:
        # Kohya's scripts name SDXL's blocks as its authors do, who count them in another way.
        names, _ = StableDiffusionXLLoraLoaderMixin.lora_state_dict(
            tensors, unet_config=unet.config
        )
        converted: Tensors = convert_unet_state_dict_to_peft(names)
        return converted

    _merge({"unet": unet}, loras, UNET_NAMES, renamed)


def merge_into_text_encoders(encoders: Sequence[CLIPTextModel], loras: Sequence[Lora]) -> None:
    """Add the text encoder layers of the files to one encoder's weights, or to both of SDXL's.

    As `merge_into_unet` does. Nothing happens for a file that changes the UNet only.
    """
    from diffusers.utils.state_dict_utils import StateDictType, convert_state_dict_to_peft

    def renamed(tensors: Tensors) -> Tensors:
        for spelling in (StateDictType.DIFFUSERS_OLD, StateDictType.DIFFUSERS):
            tensors = convert_state_dict_to_peft(tensors, spelling)
        return tensors

    parts = dict(zip(("text_encoder", "text_encoder_2"), encoders, strict=False))
    _merge(parts, loras, TEXT_ENCODER_NAMES, renamed)


def _merge(
    parts: Mapping[str, nn.Module],
    loras: Sequence[Lora],
    prefixes: tuple[str, ...],
    renamed: Callable[[Tensors], Tensors],
) -> None:
    """Check that every change fits a weight, then add them all.

    Args:
        parts: the modules to change, by their names in a pipeline.
        loras: the files.
        prefixes: how the names of these modules' tensors begin in a file.
        renamed: gives tensors the names that `peft` would: `unet.conv_in.lora_A.weight`.
    """
    weights = {
        layer_name(f"{part}.{name.removesuffix('.weight')}"): weight
        for part, module in parts.items()
        for name, weight in module.named_parameters()
        if name.endswith(".weight") and weight.dim() > 1
    }
    files = [read_changes(lora, weights, prefixes, renamed) for lora in loras]
    with torch.no_grad():
        for layer, weight in weights.items():
            deltas = [changes[layer].delta(weight) for changes in files if layer in changes]
            if deltas:
                weight.copy_(sum(deltas, start=weight.float()))
