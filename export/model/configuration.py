"""Configurations of a model's parts as the libraries read them: their defaults for absent keys.

What is declared here is what shapes, schedules and we ourselves depend on. Values of another kind
are refused, as no model was ever saved with them; other fields are left to the libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, RootModel

from ...base.errors import InputError
from ...base.foreign import ForeignValues, check_values

_REMEDY = "copy it again"
_MOST_TIMESTEPS = 100_000
"""Published models have 1,000; each takes memory."""

Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=16, strict=False)]
Beta = Annotated[float, Field(ge=0, lt=1)]


# Defaults are those of the constructors in `diffusers`, and of `CLIPTextConfig` in `transformers`.
class UNetValues(ForeignValues):
    """Of `UNet2DConditionModel`."""

    sample_size: PositiveInt | list[PositiveInt] | None = None
    in_channels: PositiveInt = 4
    block_out_channels: Widths = (320, 640, 1280, 1280)
    cross_attention_dim: PositiveInt | list[PositiveInt] = 1280
    time_cond_proj_dim: PositiveInt | None = None


class VaeValues(ForeignValues):
    """Of `AutoencoderKL`."""

    block_out_channels: Widths = (64,)
    latent_channels: PositiveInt = 4
    out_channels: PositiveInt = 3
    scaling_factor: PositiveFloat = 0.18215
    shift_factor: float | None = None


class TinyVaeValues(ForeignValues):
    """Of `AutoencoderTiny`."""

    decoder_block_out_channels: Widths = (64, 64, 64, 64)
    latent_channels: PositiveInt = 4
    out_channels: PositiveInt = 3
    scaling_factor: PositiveFloat = 1.0


class TextValues(ForeignValues):
    """Of a CLIP text encoder."""

    max_position_embeddings: PositiveInt = 77
    projection_dim: PositiveInt = 512
    hidden_size: PositiveInt = 512
    num_hidden_layers: PositiveInt = 12


class SchedulerValues(ForeignValues):
    """Of any scheduler; what a class does not know stands there without effect."""

    num_train_timesteps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 1000
    beta_start: Beta = 0.0001
    beta_end: Beta = 0.02
    trained_betas: list[Annotated[float, Field(ge=0, le=1)]] | None = None
    timestep_spacing: Literal["leading", "linspace", "trailing"] | None = None
    steps_offset: Annotated[int, Field(ge=0, le=_MOST_TIMESTEPS)] = 0
    sigma_min: Annotated[float, Field(ge=0)] | None = None
    sigma_max: PositiveFloat | None = None
    sigma_data: PositiveFloat = 0.5
    rho: PositiveFloat = 7.0
    solver_order: Annotated[int, Field(ge=1, le=10)] = 2
    original_inference_steps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 50
    timestep_scaling: PositiveFloat = 10.0
    clip_sample_range: PositiveFloat = 1.0


class ShardIndex(ForeignValues):
    """Of weights in several files: `*.safetensors.index.json`."""

    weight_map: dict[str, str] = Field(default_factory=dict)


class Vocabulary(RootModel[dict[str, Annotated[NonNegativeInt, Field(strict=True)]]]):
    """Of a tokenizer: the number of each token."""


VAES: dict[str, type[ForeignValues]] = {
    "AutoencoderKL": VaeValues,
    "AutoencoderTiny": TinyVaeValues,
}


def complete_unet(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The configuration `given` in the UNet's own `folder`, complete in what shapes follow from.

    Raises `InputError` for values of another kind than the library takes.
    """
    config = _complete(UNetValues, folder / "config.json", given)
    widths = config["cross_attention_dim"]
    if isinstance(widths, list):
        if len(set(widths)) != 1:
            raise InputError(
                f"model file {str(folder / 'config.json')!r} has {widths!r} as "
                "'cross_attention_dim': one width for all blocks is needed, give another model"
            )
        config["cross_attention_dim"] = widths[0]
    return config


def complete_vae(folder: Path, given: dict[str, Any], kind: str) -> dict[str, Any]:
    """That of the VAE of class `kind` in its own `folder`, as `complete_unet` has it."""
    config = _complete(VAES[kind], folder / "config.json", given)
    if config["out_channels"] != 3:
        raise InputError(
            f"VAE folder {str(folder)!r} decodes to {config['out_channels']} channels: one for "
            "images of 3 is needed"
        )
    return config


def complete_text_encoder(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """That of the text encoder in its own `folder`, as `complete_unet` has it."""
    return _complete(TextValues, folder / "config.json", given)


def shard_names(path: Path, given: dict[str, Any]) -> set[str]:
    """The files that an index of weights names."""
    index = check_values(ShardIndex, given, f"model file {str(path)!r}", _REMEDY)
    return set(index.weight_map.values())


def check_vocabulary(path: Path, given: dict[str, Any]) -> None:
    """Raise `InputError` for a token of a tokenizer's file that has no number."""
    check_values(Vocabulary, given, f"model file {str(path)!r}", _REMEDY)


def check_scheduler(path: Path, given: dict[str, Any]) -> None:
    """Raise `InputError` for numbers in the scheduler's file that make no noise schedule."""
    check_values(SchedulerValues, given, f"model file {str(path)!r}", _REMEDY)


def vae_scale(config: dict[str, Any]) -> int:
    """Pixels a latent, along each side, by what `complete_vae` gave."""
    channels = config.get("decoder_block_out_channels") or config["block_out_channels"]
    return int(2 ** (len(channels) - 1))


def _complete(kind: type[ForeignValues], path: Path, given: dict[str, Any]) -> dict[str, Any]:
    return check_values(kind, given, f"model file {str(path)!r}", _REMEDY).model_dump()
