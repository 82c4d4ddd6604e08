"""A distilled LoRA: its files checked, and a model's own UNet made to take guidance as an input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ...base.digest import digest_once
from ...base.errors import InputError
from ...base.reading import is_file
from ...base.tensor_files import load_tensors
from .distilled import EMBEDDING_FILE, LORA_FILE, LoraRecord
from .lora import Lora
from .lora_file import PEFT_DOWN
from .safetensors_header import read_header

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

EMBEDDING = "time_embedding.cond_proj.weight"
"""The name in a UNet of what projects the embedding of guidance."""


def check_distilled_lora(folder: Path, record: LoraRecord, width: int) -> int:
    """The channels of the guidance embedding of a LoRA in its own `folder`.

    `width` is that of the embedding of timesteps, which guidance is added to. Raises `InputError`
    for a file that is missing, is not the one of the `record`, or does not fit.
    """
    for name, digest in record.digests.items():
        path = folder / name
        if not is_file(path, "model file"):
            raise InputError(f"model file {str(path)!r} is missing: copy the folder whole")
        if digest_once(path) != digest:
            raise InputError(
                f"model file {str(path)!r} is not the one that was written with the record beside "
                "it, or it is damaged: copy the folder again, whole"
            )
    lora, embedding = folder / LORA_FILE, folder / EMBEDDING_FILE
    downs = {n: s for n, s in read_header(lora).shapes.items() if n.endswith(PEFT_DOWN)}
    for name, shape in downs.items():
        if shape[:1] != (record.rank,):
            raise InputError(
                f"model file {str(lora)!r} has {name!r} of {shape}, its record says rank "
                f"{record.rank}: copy the folder again, whole"
            )
    shapes = read_header(embedding).shapes
    shape = shapes.get(EMBEDDING, ())
    if len(shapes) != 1 or len(shape) != 2 or shape[0] != width:
        raise InputError(
            f"model file {str(embedding)!r} holds {dict(shapes)}, where {EMBEDDING!r} of {width} "
            "rows is needed: copy the folder again, whole"
        )
    return shape[1]


def lora_of(folder: Path) -> Lora:
    """The LoRA of its own `folder`, as it was trained."""
    return Lora(folder / LORA_FILE, 1.0)


def add_guidance_embedding(unet: UNet2DConditionModel, channels: int) -> nn.Parameter:
    """Make a UNet take guidance, in place, by a projection of zeros: until trained it is ignored.

    Gives the projection's weight `[width, channels]`, in the UNet's dtype. It is
    `time_cond_proj_dim` of `diffusers`, as in guided distillation (arXiv 2210.03142).
    """
    embedding = unet.time_embedding
    width = embedding.linear_1.in_features
    embedding.cond_proj = nn.Linear(channels, width, bias=False, dtype=unet.dtype)
    nn.init.zeros_(embedding.cond_proj.weight)
    unet.register_to_config(time_cond_proj_dim=channels)
    weight: nn.Parameter = embedding.cond_proj.weight
    return weight


def tell_of_guidance(unet: UNet2DConditionModel, folder: Path) -> None:
    """Make a UNet take guidance, in place, by the embedding beside the LoRA in its own `folder`.

    Raises `InputError` where that has NaN or infinity.
    """
    path = folder / EMBEDDING_FILE
    weight = load_tensors(path, "model file")[EMBEDDING]
    if not weight.isfinite().all():
        raise InputError(
            f"model file {str(path)!r} has NaN or infinity in {EMBEDDING!r}: its training failed, "
            "distil again with a lower learning rate"
        )
    with torch.no_grad():
        add_guidance_embedding(unet, weight.shape[1]).copy_(weight).requires_grad_(False)
