"""What a LoRA file changes in the weights of a model, by layer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...base.errors import InputError
from .lora import Lora
from .lora_file import (
    KOHYA_DOWN,
    KOHYA_UP,
    PEFT_DOWN,
    PEFT_UP,
    Tensors,
    foreign,
    read_lora_file,
)

if TYPE_CHECKING:
    pass


# What kohya's scripts write before a layer's path, in which underscores stand for dots.
_KOHYA = {
    "unet": ("lora_unet_",),
    "text_encoder": ("lora_te_", "lora_te_text_model_", "lora_te1_", "lora_te1_text_model_"),
    "text_encoder_2": ("lora_te2_", "lora_te2_text_model_"),
}


@dataclass(frozen=True)
class Change:
    """What a file adds to one weight: `up @ down`, float32, with alpha and scale multiplied in."""

    down: Tensor  # [rank, in] or [rank, in, height, width]
    up: Tensor  # [out, rank] or [out, rank, 1, 1]

    def fits(self, weight: Tensor) -> bool:
        rank, ones = self.down.shape[0], (1,) * (weight.dim() - 2)
        down, up = (rank, *weight.shape[1:]), (weight.shape[0], rank, *ones)
        return self.down.shape == down and self.up.shape == up

    def delta(self, weight: Tensor) -> Tensor:
        return (self.up.flatten(1) @ self.down.flatten(1)).reshape(weight.shape)


def layer_name(name: str) -> str:
    """The name of a layer without the level `text_model`."""
    # `transformers` 5 has this level in one of SDXL's two encoders; files have it or not.
    return name.replace(".text_model.", ".", 1)


def read_changes(
    lora: Lora,
    weights: Mapping[str, Tensor],
    prefixes: tuple[str, ...],
    renamed: Callable[[Tensors], Tensors],
) -> dict[str, Change]:
    """What a file changes, by layer; `InputError` for a change that does not fit `weights`."""
    tensors, config = read_lora_file(lora.path, prefixes)
    ours, others = _split_kohya(tensors, weights)
    try:
        named = {**ours, **renamed(dict(others))}
    except (ValueError, IndexError, KeyError):
        raise foreign(lora.path, f"changes {next(iter(others))!r}") from None
    changes: dict[str, Change] = {}
    for name, down in named.items():
        if name.endswith(PEFT_UP):
            continue
        layer = layer_name(name.removesuffix(PEFT_DOWN))
        if layer not in weights:
            raise foreign(lora.path, f"changes {layer!r}, which the model does not have")
        up = named[name.removesuffix(PEFT_DOWN) + PEFT_UP]
        factor = lora.scale * _peft_factor(config, name.removesuffix(PEFT_DOWN), down.shape[0])
        changes[layer] = _shaped(down, up * factor, weights[layer])
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


def _shaped(down: Tensor, up: Tensor, weight: Tensor) -> Change:
    """The change by matrices that may be those of a 1x1 convolution for a linear layer, or not."""
    if all(math.prod(tensor.shape[2:]) == 1 for tensor in (down, up, weight)):
        ones = (1,) * (weight.dim() - 2)
        down, up = (tensor.reshape(*tensor.shape[:2], *ones) for tensor in (down, up))
    return Change(down, up)


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
