"""Configurations of a model's parts as the libraries read them: their defaults for absent keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.errors import InputError

# Of the constructors in `diffusers`, and of `CLIPTextConfig` in `transformers`.
UNET_DEFAULTS: dict[str, Any] = {
    "sample_size": None,
    "in_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 1280,
}
VAE_DEFAULTS: dict[str, dict[str, Any]] = {
    "AutoencoderKL": {"block_out_channels": (64,), "latent_channels": 4, "out_channels": 3},
    "AutoencoderTiny": {
        "decoder_block_out_channels": (64, 64, 64, 64),
        "latent_channels": 4,
        "out_channels": 3,
    },
}
TEXT_DEFAULTS: dict[str, Any] = {
    "max_position_embeddings": 77,
    "projection_dim": 512,
    "hidden_size": 512,
    "num_hidden_layers": 12,
}


def complete_unet(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The configuration `given` in the UNet's own `folder`, complete in what shapes follow from.

    Raises `InputError` for values of another kind than the library takes.
    """
    config = {**UNET_DEFAULTS, **given}
    _check_counts(folder, config, ("in_channels",))
    _check_widths(folder, config, "block_out_channels")
    widths = config["cross_attention_dim"]
    if isinstance(widths, list) and len(set(widths)) == 1:  # one for each block
        config["cross_attention_dim"] = widths[0]
    _check_counts(folder, config, ("cross_attention_dim",))
    return config


def complete_vae(folder: Path, given: dict[str, Any], kind: str) -> dict[str, Any]:
    """That of the VAE of class `kind` in its own `folder`, as `complete_unet` has it."""
    defaults = VAE_DEFAULTS[kind]
    config = {**defaults, **given}
    _check_counts(folder, config, ("latent_channels", "out_channels"))
    _check_widths(folder, config, next(iter(defaults)))
    if config["out_channels"] != 3:
        raise InputError(
            f"VAE folder {str(folder)!r} decodes to {config['out_channels']} channels: one for "
            "images of 3 is needed"
        )
    return config


def complete_text_encoder(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """That of the text encoder in its own `folder`, as `complete_unet` has it."""
    config = {**TEXT_DEFAULTS, **given}
    _check_counts(folder, config, tuple(TEXT_DEFAULTS))
    return config


def vae_scale(config: dict[str, Any]) -> int:
    """Pixels a latent, along each side, by what `complete_vae` gave."""
    channels = config.get("decoder_block_out_channels") or config["block_out_channels"]
    return int(2 ** (len(channels) - 1))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_counts(folder: Path, config: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if not _is_count(config[name]):
            raise _unfit(folder, name, config[name], "a positive whole number")


def _check_widths(folder: Path, config: dict[str, Any], name: str) -> None:
    value = config[name]
    if not isinstance(value, list | tuple) or not value or not all(map(_is_count, value)):
        raise _unfit(folder, name, value, "a list of positive whole numbers")


def _unfit(folder: Path, name: str, value: object, expected: str) -> InputError:
    return InputError(
        f"model file {str(folder / 'config.json')!r} has {value!r} as {name!r}: {expected} is "
        "needed, copy it again"
    )
