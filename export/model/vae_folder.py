"""Which VAE decodes a model's latents: its own, a small one of its own, or another folder's."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import InputError
from .configuration import complete_vae, vae_scale
from .json_files import read_json
from .model_folder import check_weights, find_folder
from .model_info import ModelInfo
from .values.parts import VAES

SMALL_VAE = "tiny"
"""The name that stands for the small decoder which a model brings along."""
_SMALL_VAE_FOLDER = "tiny_vae"
_ENCODES = "AutoencoderKL"


def find_vae(folder: Path, info: ModelInfo, name: str | None, variant: str | None = None) -> Path:
    """The folder of the VAE called `name`, checked, for the model in `folder`.

    Args:
        folder: of the model.
        info: what it holds.
        name: `tiny`, a folder that `diffusers` saved of an `AutoencoderTiny` (such as TAESD) or
            `AutoencoderKL`, or its hub id; None is the model's own.
        variant: of its weights, where it has that.

    Raises:
        InputError: for a folder that is absent or damaged, and a VAE for latents of another kind.
    """
    if name is None:
        return folder / "vae"
    if name == SMALL_VAE:
        found = _small_vae(folder)
    else:
        found = find_folder(name, "VAE", "leave it out for its own")
    config = complete_vae(found, read_json(found / "config.json"), vae_class(found))
    channels, scale = config["latent_channels"], vae_scale(config)
    if (channels, scale) != (info.latent_channels, info.vae_scale):
        raise InputError(
            f"VAE folder {str(found)!r} decodes latents of {channels} channels to {scale}x{scale} "
            f"pixels each, the model makes latents of {info.latent_channels} channels for "
            f"{info.vae_scale}x{info.vae_scale}: give a VAE that was made for the model"
        )
    check_weights(found, variant)
    return found


def vae_class(folder: Path) -> str:
    """The class of the VAE in its own `folder`; `InputError` for one that cannot be served."""
    name = read_json(folder / "config.json").get("_class_name")
    if name not in VAES:
        raise InputError(
            f"VAE folder {str(folder)!r} holds a {name}: {' or '.join(VAES)} is needed"
        )
    return str(name)


def check_encodes(folder: Path) -> None:
    """Raise `InputError` unless images can be encoded by the VAE in its own `folder`."""
    if (kind := vae_class(folder)) != _ENCODES:
        raise InputError(
            f"VAE folder {str(folder)!r} holds an {kind}, whose encoder may never have been "
            f"trained: images are encoded by an {_ENCODES} alone, so leave the VAE out, or give "
            "another model"
        )


def _small_vae(folder: Path) -> Path:
    small = folder / _SMALL_VAE_FOLDER
    if not small.is_dir():
        raise InputError(
            f"VAE {SMALL_VAE!r} was asked for, model folder {str(folder)!r} has none "
            f"({_SMALL_VAE_FOLDER}): give the folder of an AutoencoderTiny, or leave it out"
        )
    return small
