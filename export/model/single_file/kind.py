"""Which model a single file holds, by the names and shapes of its tensors alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from ....base.errors import InputError
from ..safetensors_header import Header

UNET, VAE, TEXT_ENCODER = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
TEXT_ENCODERS_XL = "conditioner.embedders."
_CONV_IN = f"{UNET}input_blocks.0.0.weight"

# By text encoders, in whose names the families differ at any size.
_FAMILIES = {
    f"{TEXT_ENCODERS_XL}1.model.": "sdxl",
    f"{TEXT_ENCODER}model.": "sd21",
    f"{TEXT_ENCODER}transformer.": "sd15",
}

# What people give by mistake: parts of names, what has them, and what helps.
_MISTAKEN: Sequence[tuple[tuple[str, ...], str, str]] = (
    (
        ("lora_", ".lora.", "lora_A.", ".hada_", ".lokr_"),
        "a LoRA file",
        "give it by --lora, beside a model",
    ),
    (
        ("emb_params", "clip_l", "clip_g"),
        "an embedding of a textual inversion",
        "give it by --textual-inversion, beside a model",
    ),
    (
        ("control_model.", "controlnet_", "input_hint_block."),
        "a ControlNet, which guides a model by pictures",
        "give the model itself",
    ),
    (("motion_modules.",), "the motion of a video model", "give a model of images"),
)
# What a lone part has in common, as diffusers and as others name it.
_LONE = {
    "a UNet alone": ("time_embedding.linear_1.weight", "time_embed.0.weight"),
    "a VAE alone": ("decoder.conv_in.weight",),
    "a text encoder alone": (
        "text_model.embeddings.token_embedding.weight",
        "embeddings.token_embedding.weight",
    ),
}
_WHOLE = "give a checkpoint with UNet, VAE and text encoder, or a folder that diffusers saved"
_SERVED = {"v1", "v2", "xl_base"}
_KEPT_FLOATS = {"F64", "F32", "BF16", "F16"}


@dataclass(frozen=True)
class FileKind:
    """What a single file holds, as far as its names and shapes tell."""

    family: str
    """The architecture's name: `sd15`, `sd21` or `sdxl`."""
    v_prediction: bool | None
    """Whether it says to predict v rather than noise; None where it says nothing."""
    zero_snr: bool
    """Whether it says that its last noise level is pure noise."""


def file_kind(path: Path, header: Header) -> FileKind:
    """What the file at `path` holds; `InputError` for all but a whole Stable Diffusion model."""
    names = header.shapes.keys()
    family = next((known for start, known in _FAMILIES.items() if _any(names, start)), None)
    if family is None or not _any(names, UNET) or not _any(names, VAE):
        raise _mistaken(path, header)
    channels = next(iter(header.shapes.get(_CONV_IN, (0, 4))[1:]), 0)
    if channels != 4:
        raise InputError(
            f"model file {str(path)!r} has a UNet of {channels} input channels (an inpainting or "
            "editing model): give a plain text-to-image model"
        )
    other = _library_kind(header)
    if other not in _SERVED:
        raise _foreign(path, other)
    for name, dtype in header.dtypes.items():
        if (
            dtype not in _KEPT_FLOATS
            and len(header.shapes[name]) > 1
            and "position_ids" not in name
        ):
            raise InputError(
                f"model file {str(path)!r} holds {name!r} in {dtype}, a form to save memory: give "
                "one in fp16, bf16 or fp32"
            )
    said = header.metadata.get("modelspec.prediction_type")
    is_v = True if "v_pred" in names or said == "v" else (False if said == "epsilon" else None)
    return FileKind(family, is_v, "ztsnr" in names)


def _mistaken(path: Path, header: Header) -> InputError:
    """The error for a file that is no whole model of a known family."""
    names = header.shapes.keys()
    for parts, what, remedy in _MISTAKEN:
        if any(part in name for name in names for part in parts):
            return InputError(f"model file {str(path)!r} is {what}: {remedy}")
    if len(names) == 1 and len(next(iter(header.shapes.values()))) <= 2:
        _, what, remedy = _MISTAKEN[1]
        return InputError(f"model file {str(path)!r} is {what}: {remedy}")
    if _any(names, UNET):
        other = _library_kind(header)
        if other not in _SERVED:
            return _foreign(path, other)
        text = _any(names, TEXT_ENCODER) or _any(names, TEXT_ENCODERS_XL)
        lacking = [] if _any(names, VAE) else ["VAE"]
        lacking += [] if text else ["text encoder"]
        if lacking:
            return InputError(
                f"model file {str(path)!r} lacks its {' and '.join(lacking)}: {_WHOLE}"
            )
    for what, marks in _LONE.items():
        if any(mark in names for mark in marks):
            return InputError(f"model file {str(path)!r} is {what}: {_WHOLE}")
    other = _library_kind(header)
    if other not in _SERVED:
        return _foreign(path, other)
    shown = repr(min(names)) if names else "no tensor"
    return InputError(
        f"model file {str(path)!r} is no checkpoint of Stable Diffusion 1.x, 2.x or XL (it holds "
        f"{shown}): give one"
    )


def _foreign(path: Path, kind: str) -> InputError:
    return InputError(
        f"model file {str(path)!r} is a model of another kind ({kind}, as diffusers calls it): "
        "give one of Stable Diffusion 1.x, 2.x or XL"
    )


def _library_kind(header: Header) -> str:
    """What `diffusers` takes the file for; `v1` is also its name for what it does not know."""
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    shapes = {name: SimpleNamespace(shape=shape) for name, shape in header.shapes.items()}
    try:
        return str(infer_diffusers_model_type(shapes))
    except Exception:  # it looks into weights, which are not there, and knows few kinds whole
        return "unknown"


def _any(names: Iterable[str], start: str) -> bool:
    return any(name.startswith(start) for name in names)
