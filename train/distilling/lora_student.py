"""A student that is the teacher's own UNet, frozen, with LoRA on its layers: for large models.

Weights that do not change need no gradients, no moments and no average, and lie in the precision
that is computed in.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ...base.digest import digest_once
from ...base.errors import InputError
from ...export import load_unet
from ...export.model.distilled import EMBEDDING_FILE, LORA_FILE, LoraRecord
from ...export.model.distilled_lora import EMBEDDING, add_guidance_embedding
from ...export.model.model_folder import weight_files
from ...export.model.safetensors_header import read_header
from .student import GUIDANCE_CHANNELS, placed

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

LAYERS = (
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "proj_in",
    "proj_out",
    "ff.net.0.proj",
    "ff.net.2",
    "conv1",
    "conv2",
    "conv_shortcut",
    "downsamplers.0.conv",
    "upsamplers.0.conv",
    "time_emb_proj",
)
"""The layers that have a LoRA, by how their names end: those of LCM-LoRA (arXiv 2311.05556), from
`train_lcm_distill_lora_sd_wds.py` of `diffusers`."""


def check_rank(unet: Path, rank: int, variant: str | None = None) -> None:
    """Raise `InputError` unless LoRA of `rank` can be trained on the UNet of the folder `unet`."""
    if find_spec("peft") is None:
        raise InputError(
            "--lora-rank needs peft, which is not installed: pip install 'zeroreal[lora]', or "
            "leave it out for a whole UNet"
        )
    endings = tuple(f".{name}.weight" for name in LAYERS)
    most = {
        name.removesuffix(".weight"): min(shape[0], math.prod(shape[1:]))
        for path in weight_files(unet, variant)
        for name, shape in read_header(path).shapes.items()
        if name.endswith(endings)
    }
    narrowest = min(most, key=lambda name: most[name])
    if rank > most[narrowest]:
        raise InputError(
            f"LoRA rank is {rank}: the model's layer {narrowest!r} has no more than "
            f"{most[narrowest]}, so give at most that, or leave it out for a whole UNet"
        )


def new_lora_student(
    unet: Path,
    device: torch.device,
    dtype: torch.dtype,
    rank: int,
    seed: int,
    variant: str | None = None,
) -> UNet2DConditionModel:
    """The teacher's UNet of the folder `unet`, told guidance, with LoRA of `rank` to be trained.

    Its own weights are in `dtype` and frozen; LoRA and the projection of guidance are float32. It
    begins as the teacher without guidance, and `seed` decides where from.
    """
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    with torch.random.fork_rng(devices=[]):  # loading draws, too
        student = load_unet(unet, dtype, variant)
        torch.default_generator.manual_seed(seed)
        student.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(LAYERS)))
        add_guidance_embedding(student, GUIDANCE_CHANNELS).requires_grad_(True)
    cast_training_params(student)
    return placed(student, device)


def trained_weights(student: nn.Module) -> nn.Module:
    """What of a student is trained: all of it, or a module of the weights that ask for gradients.

    These have their names in the student, with `/` for dots.
    """
    if all(weight.requires_grad for weight in student.parameters()):
        return student
    trained = nn.Module()
    for name, weight in student.named_parameters():
        if weight.requires_grad:
            trained.register_parameter(name.replace(".", "/"), weight)
    return trained


def write_lora(
    student: UNet2DConditionModel, weights: nn.Module, rank: int, out: Path
) -> LoraRecord:
    """Write what was trained of a student, float16, into the folder `out`; gives its record.

    `weights` are those to take, as `trained_weights` names them; the student gets them, too.
    """
    from diffusers import StableDiffusionPipeline
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    trained_weights(student).load_state_dict(weights.state_dict())
    layers = {
        name: weight.detach().half().cpu().contiguous()
        for name, weight in get_peft_model_state_dict(student).items()
    }
    StableDiffusionPipeline.save_lora_weights(out, unet_lora_layers=layers, weight_name=LORA_FILE)
    embedding = student.get_parameter(EMBEDDING).detach().half().cpu().contiguous()
    save_file({EMBEDDING: embedding}, out / EMBEDDING_FILE)
    return LoraRecord(rank, {name: digest_once(out / name) for name in (LORA_FILE, EMBEDDING_FILE)})
