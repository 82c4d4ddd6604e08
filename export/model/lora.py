"""Merging LoRA files into a model's weights before they are exported.

`diffusers` knows the spellings of layers in the files that are about. The sum is done here, since
`diffusers` 0.42 loses most alphas of a kohya file whose layers differ in theirs and leaves out what
it does not know with no more than a warning, and `peft` rounds half-precision weights anew for
every file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from .lora_file import (
    KOHYA_DOWN,
    KOHYA_UP,
    PEFT_DOWN,
    PEFT_UP,
    TEXT_ENCODER_NAMES,
    UNET_NAMES,
    Tensors,
    foreign,
    read_lora_file,
)

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

_PICKLES = (".bin", ".ckpt", ".pt", ".pth")
# What kohya's scripts write before a layer's path, in which underscores stand for dots.
_KOHYA = {
    "unet": ("lora_unet_",),
    "text_encoder": ("lora_te_", "lora_te_text_model_", "lora_te1_", "lora_te1_text_model_"),
    "text_encoder_2": ("lora_te2_", "lora_te2_text_model_"),
}


@dataclass(frozen=True)
class Lora:
    """A LoRA file and how strongly it is merged."""

    path: Path
    """A safetensors file in the format of `diffusers` or of kohya's scripts."""
    scale: float
    """1 is as trained, 0 not at all."""


@dataclass(frozen=True)
class _Change:
    """What a file adds to one weight: `up @ down`, float32, with alpha and scale multiplied in."""

    down: Tensor  # [rank, in] or [rank, in, height, width]
    up: Tensor  # [out, rank] or [out, rank, 1, 1]

    def fits(self, weight: Tensor) -> bool:
        rank, ones = self.down.shape[0], (1,) * (weight.dim() - 2)
        down, up = (rank, *weight.shape[1:]), (weight.shape[0], rank, *ones)
        return self.down.shape == down and self.up.shape == up

    def delta(self, weight: Tensor) -> Tensor:
        return (self.up.flatten(1) @ self.down.flatten(1)).reshape(weight.shape)


def parse_lora(text: str) -> Lora:
    """A LoRA from `FILE` or `FILE:SCALE`; `InputError` if the file or the number cannot be used."""
    name, colon, number = text.rpartition(":")
    path = Path(name if colon else text)
    if path.suffix in _PICKLES:
        raise InputError(
            f"LoRA file {str(path)!r} is a pickle, which can run code when loaded: convert it to "
            "safetensors"
        )
    if not path.is_file():
        raise InputError(
            f"LoRA file {str(path)!r} does not exist: give a path and, after a colon, a scale"
        )
    try:
        scale = float(number) if colon else 1.0
    except ValueError:
        scale = math.nan
    if not math.isfinite(scale):
        raise InputError(
            f"scale {number!r} of LoRA file {str(path)!r} is not a finite number: give one such as "
            "0.8"
        )
    return Lora(path, scale)


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
        _layer(f"{part}.{name.removesuffix('.weight')}"): weight
        for part, module in parts.items()
        for name, weight in module.named_parameters()
        if name.endswith(".weight") and weight.dim() > 1
    }
    files = [_read_changes(lora, weights, prefixes, renamed) for lora in loras]
    with torch.no_grad():
        for layer, weight in weights.items():
            deltas = [changes[layer].delta(weight) for changes in files if layer in changes]
            if deltas:
                weight.copy_(sum(deltas, start=weight.float()))


def _layer(name: str) -> str:
    # `transformers` 5 has this level in one of SDXL's two encoders; files have it or not.
    return name.replace(".text_model.", ".", 1)


def _read_changes(
    lora: Lora,
    weights: Mapping[str, Tensor],
    prefixes: tuple[str, ...],
    renamed: Callable[[Tensors], Tensors],
) -> dict[str, _Change]:
    """What a file changes, by layer; `InputError` for a change that does not fit `weights`."""
    tensors, config = read_lora_file(lora.path, prefixes)
    ours, others = _split_kohya(tensors, weights)
    try:
        named = {**ours, **renamed(dict(others))}
    except (ValueError, IndexError, KeyError):
        raise foreign(lora.path, f"changes {next(iter(others))!r}") from None
    changes: dict[str, _Change] = {}
    for name, down in named.items():
        if name.endswith(PEFT_UP):
            continue
        layer = _layer(name.removesuffix(PEFT_DOWN))
        if layer not in weights:
            raise foreign(lora.path, f"changes {layer!r}, which the model does not have")
        up = named[name.removesuffix(PEFT_DOWN) + PEFT_UP]
        factor = lora.scale * _peft_factor(config, name.removesuffix(PEFT_DOWN), down.shape[0])
        changes[layer] = _Change(down, up * factor)
        if not changes[layer].fits(weights[layer]):
            raise foreign(
                lora.path,
                f"changes {layer!r} by matrices of {tuple(up.shape)} and {tuple(down.shape)}, "
                f"where the model has {tuple(weights[layer].shape)}",
            )
    if 2 * len(changes) != len(tensors):
        raise InputError(
            f"LoRA file {str(lora.path)!r} holds a layer twice, in two spellings: use a file that "
            "one program wrote"
        )
    return changes


def _split_kohya(tensors: Tensors, layers: Iterable[str]) -> tuple[Tensors, Tensors]:
    """Tensors that kohya's scripts name after one of `layers`, as `peft` would, and the others."""
    endings = {KOHYA_DOWN: PEFT_DOWN, KOHYA_UP: PEFT_UP}
    names = {}
    for layer in layers:
        part, path = layer.split(".", 1)
        for prefix in _KOHYA[part]:
            for kohyas, pefts in endings.items():
                names[prefix + path.replace(".", "_") + kohyas] = layer + pefts
    ours = {names[name]: tensor for name, tensor in tensors.items() if name in names}
    others = {name: tensor for name, tensor in tensors.items() if name not in names}
    return ours, others


def _peft_factor(config: Mapping[str, Any], layer: str, rank: int) -> float:
    """Alpha / rank, or what else the configuration that `diffusers` saves in a file asks for."""
    part, path = layer.split(".", 1)
    alpha = config.get(f"{part}.lora_alpha", rank)
    for pattern, own_alpha in config.get(f"{part}.alpha_pattern", {}).items():
        if re.match(rf"(.*\.)?({pattern})$", path):
            alpha = own_alpha
            break
    return float(alpha) / (math.sqrt(rank) if config.get(f"{part}.use_rslora") else rank)
