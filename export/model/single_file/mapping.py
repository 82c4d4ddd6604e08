"""The tensors of a single-file checkpoint by the names of `diffusers`, by its own converter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ....base.errors import InputError
from .kind import TEXT_ENCODER, TEXT_ENCODERS_XL, UNET, VAE

Tensors = dict[str, Tensor]

# What no part of a text-to-image pipeline computes with: schedules, buffers, training, and what of
# a text encoder comes after the layer that is used. SD 2.x uses the last but one, as `diffusers`
# has it: the 24th is left out there.
_UNUSED = re.compile(
    r"(model_ema|safety_checker|embedding_manager|denoiser)\.|first_stage_model\.loss\."
    r"|.*(position_ids|logit_scale)$|.*\.vision_model\.|.*\.visual_projection\."
    r"|cond_stage_model\.(.*\.)?text_projection(\.weight)?$"
    r"|conditioner\.embedders\.0\..*text_projection\.weight$"
    r"|cond_stage_model\.model\.transformer\.resblocks\.23\."
    r"|(alphas_|sqrt_|betas$|posterior_|log_one_|lvlb_|v_pred$|ztsnr$|model_sampling)"
)
# These are cut or turned, and are new tensors then.
_REMADE = ("in_proj_weight", "in_proj_bias", "text_projection")
_SHOWN = 3


def converted(path: Path, file: Tensors, modules: Mapping[str, nn.Module]) -> dict[str, Tensors]:
    """The tensors of each part that `modules` name, without memory of their own where they can.

    Args:
        path: of the file, for errors.
        file: all its tensors.
        modules: a module of each part by its folder's name; their weights are not looked at.

    Raises:
        InputError: for tensors that are missing, too many, or of another shape.
    """
    found = {part: _convert(path, part, module, file) for part, module in modules.items()}
    for part, module in modules.items():
        _check(path, part, found[part], module)
    used = {tensor.data_ptr() for part in found.values() for tensor in part.values()}
    left = [
        name
        for name, tensor in file.items()
        if tensor.data_ptr() not in used and not _UNUSED.match(name) and not name.endswith(_REMADE)
    ]
    if left:
        raise InputError(
            f"model file {str(path)!r} has {_some(left)} too many for its kind of Stable "
            "Diffusion: give one that diffusers or the published scripts can read"
        )
    return found


def _convert(path: Path, part: str, module: Any, file: Tensors) -> Tensors:
    try:
        found = _by_library(part, module, file)
    except KeyError as error:  # the name of a tensor that it looked for
        raise InputError(
            f"the {part} of model file {str(path)!r} lacks tensor {error}: copy the file again"
        ) from None
    except (IndexError, RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the {part} of model file {str(path)!r} cannot be converted ({reason}): give one of "
            "the published architecture"
        ) from None
    return {name: tensor.contiguous() for name, tensor in found.items()}


def _by_library(part: str, module: Any, file: Tensors) -> Tensors:
    """The tensors of a part as the converter of `diffusers` gives them."""
    from diffusers.loaders import single_file_utils as library

    found: Tensors
    if part == "unet":
        config = dict(module.config)
        found = library.convert_ldm_unet_checkpoint(_with_prefix(file, UNET), config=config)
        return found
    if part == "vae":
        found = library.convert_ldm_vae_checkpoint(_with_prefix(file, VAE), dict(module.config))
        return found
    start = {"text_encoder": f"{TEXT_ENCODERS_XL}0.", "text_encoder_2": f"{TEXT_ENCODERS_XL}1."}
    prefix = TEXT_ENCODER if any(name.startswith(TEXT_ENCODER) for name in file) else start[part]
    own = {n: tensor for n, tensor in _with_prefix(file, prefix).items() if not _UNUSED.match(n)}
    if any(name.startswith(f"{prefix}model.") for name in own):
        found = library.convert_open_clip_checkpoint(module, own, prefix=f"{prefix}model.")
    else:
        found = library.convert_ldm_clip_checkpoint(own)
    return found


def _with_prefix(file: Tensors, prefix: str) -> Tensors:
    return {name: tensor for name, tensor in file.items() if name.startswith(prefix)}


def _check(path: Path, part: str, found: Tensors, module: nn.Module) -> None:
    """Raise `InputError` unless the tensors are those of `module`, in name and shape."""
    # `transformers` 5 has left this level out, files have it.
    shapes = {_bare(name): tuple(value.shape) for name, value in module.state_dict().items()}
    ours = {_bare(name): tuple(value.shape) for name, value in found.items()}
    shapes.pop("embeddings.position_ids", None)
    faults = []
    if missing := sorted(shapes.keys() - ours.keys()):
        faults.append(f"lacks {_some(missing)}")
    if unexpected := sorted(ours.keys() - shapes.keys()):
        faults.append(f"has {_some(unexpected)} too many")
    if faults:
        raise InputError(
            f"the {part} of model file {str(path)!r} {' and '.join(faults)} (as diffusers names "
            "them): copy the file again, or give one of the published architecture"
        )
    for name, shape in shapes.items():
        if ours[name] != shape:
            raise InputError(
                f"the {part} of model file {str(path)!r} has {name!r} of shape {ours[name]} where "
                f"its kind of Stable Diffusion has {shape}: give one of the published architecture"
            )


def _bare(name: str) -> str:
    return name.removeprefix("text_model.")


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"tensor{'s' if len(names) > 1 else ''} {shown}{more}"
