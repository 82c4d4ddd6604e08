"""Reading the tensors of a LoRA file, once all of its names are understood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base.errors import InputError
from ...base.reading import parse_json
from ...base.tensor_files import open_tensors
from .lora_kinds import refuse_other_kind

Tensors = dict[str, Tensor]

UNET_NAMES = ("unet.", "lora_unet_")
TEXT_ENCODER_NAMES = ("text_encoder.", "text_encoder_2.", "lora_te_", "lora_te1_", "lora_te2_")
"""How the names of a part's tensors begin: from `diffusers`, and from kohya's scripts."""

PEFT_DOWN, PEFT_UP = ".lora_A.weight", ".lora_B.weight"
KOHYA_DOWN, KOHYA_UP = ".lora_down.weight", ".lora_up.weight"
_ALPHA = ".alpha"
# How the tensors of a LoRA layer end, each with one that must stand beside it.
_PARTNERS = {
    PEFT_DOWN: PEFT_UP,
    PEFT_UP: PEFT_DOWN,
    KOHYA_DOWN: KOHYA_UP,
    KOHYA_UP: KOHYA_DOWN,
    _ALPHA: KOHYA_UP,
    "lora.down.weight": "lora.up.weight",
    "lora.up.weight": "lora.down.weight",
    ".lora_linear_layer.down.weight": ".lora_linear_layer.up.weight",
    ".lora_linear_layer.up.weight": ".lora_linear_layer.down.weight",
}


# How names begin that peft itself writes: of its wrapper, and of layers without their part.
_BARE = ("base_model.model.", "down_blocks.", "mid_block.", "up_blocks.", "text_model.")


def read_lora_file(path: Path, prefixes: tuple[str, ...]) -> tuple[Tensors, dict[str, Any]]:
    """The up and down matrices of a part of a model, and `peft`'s configuration where it is saved.

    Args:
        path: a safetensors file; the names of all its tensors are checked.
        prefixes: how the names of the part's tensors begin.

    Returns:
        Tensors in float32, with kohya's alphas multiplied in; and `diffusers`' `LoraConfig` fields,
        by names such as `unet.lora_alpha`.

    Raises:
        InputError: for a damaged file, and a tensor that is not of a plain LoRA layer.
    """
    from safetensors import SafetensorError

    try:
        with open_tensors(path, "LoRA file") as file:
            names = sorted(file.keys())
            _check_names(path, names)
            wanted = [name for name in names if name.startswith(prefixes)]
            tensors = {name: file.get_tensor(name).float() for name in wanted}
            config = parse_json(_metadata(file), f"LoRA file {str(path)!r}")
    except InputError:
        raise
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(
            f"LoRA file {str(path)!r} cannot be read as safetensors ({error}): copy it again"
        ) from None
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise InputError(
                f"LoRA file {str(path)!r} has NaN or infinity in {name!r}: its training failed, "
                "use another"
            )
    return _with_alphas_multiplied_in(tensors), config


def _metadata(file: Any) -> str:
    """What peft says of the layers, as JSON."""
    text: str = (file.metadata() or {}).get("lora_adapter_metadata") or "{}"
    return text


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise InputError(f"LoRA file {str(path)!r} holds no layers: use another")
    for name in names:
        _check_kind(path, name)
    present = set(names)
    for name in names:
        partner = _partner(name)
        if partner in present:
            continue
        if name.endswith(_ALPHA) and name.removesuffix(_ALPHA) + PEFT_UP in present:
            raise InputError(
                f"LoRA file {str(path)!r} has {name!r} beside names of peft, where programs differ "
                "in whether it counts: save it by diffusers or kohya's scripts"
            )
        raise InputError(
            f"LoRA file {str(path)!r} holds {name!r} without {partner!r}: copy it again"
        )


def _check_kind(path: Path, name: str) -> None:
    """Raise `InputError` for a tensor that is not of a plain LoRA layer of a known part."""
    refuse_other_kind(path, name)
    if name.startswith(_BARE) and _partner(name) is None:
        raise InputError(
            f"LoRA file {str(path)!r} holds {name!r}, which is a weight of a model and of no LoRA "
            "layer: use a file of up and down matrices only"
        )
    if name.startswith(_BARE):
        raise InputError(
            f"LoRA file {str(path)!r} names {name!r} without its part of the model, as peft "
            "does, which keeps alpha in another file: load it by diffusers and save it by "
            "'save_lora_weights'"
        )
    if not name.startswith((*UNET_NAMES, *TEXT_ENCODER_NAMES)):
        raise foreign(path, f"holds {name!r}, which is of no UNet or text encoder")
    if _partner(name) is None:
        raise InputError(
            f"LoRA file {str(path)!r} holds {name!r}, which is not a plain LoRA layer: use "
            "a file of up and down matrices only"
        )


def _partner(name: str) -> str | None:
    """The tensor that must stand beside the one called `name`; None for one of no LoRA layer."""
    ending = next((ending for ending in _PARTNERS if name.endswith(ending)), None)
    return None if ending is None else name.removesuffix(ending) + _PARTNERS[ending]


def _with_alphas_multiplied_in(tensors: Tensors) -> Tensors:
    """The tensors without kohya's alphas: `up` is multiplied by alpha / rank."""
    plain = {name: tensor for name, tensor in tensors.items() if not name.endswith(_ALPHA)}
    for name in tensors.keys() - plain.keys():
        layer = name.removesuffix(_ALPHA)
        up, rank = plain[layer + KOHYA_UP], len(plain[layer + KOHYA_DOWN])
        plain[layer + KOHYA_UP] = up * (tensors[name].item() / rank)
    return plain


def foreign(path: Path, what: str) -> InputError:
    """The error for a file that is whole but does `what` no model of this architecture allows."""
    return InputError(
        f"LoRA file {str(path)!r} {what}: it was made for another architecture, use one made for "
        "this model's family"
    )
