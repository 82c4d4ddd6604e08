"""What a Stable Diffusion style folder holds, read from its configuration files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from .json_files import read_json

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
    "LatentConsistencyModelPipeline",
)
VAES = ("AutoencoderKL", "AutoencoderTiny")
_TEXT_ENCODERS = ("CLIPTextModel", "CLIPTextModelWithProjection")


@dataclass(frozen=True)
class ModelInfo:
    """The facts about a text-conditional latent diffusion model that its graphs' shapes follow."""

    pipeline: str
    """Class name of the `diffusers` pipeline."""
    text_encoders: tuple[str, ...]
    """Folders of the text encoders: one, or SDXL's two."""
    tokens: int
    """Length of a tokenised prompt."""
    context_channels: int
    """Channels of the text embeddings that the UNet attends to."""
    pooled_channels: int | None
    """Channels of the pooled text embedding (SDXL), else None."""
    guidance_channels: int | None
    """Channels of the guidance embedding (a distilled UNet: LCM), else None."""
    latent_channels: int
    latent_side: int
    """Side of the square latents that the model was trained on."""
    vae_scale: int
    """Pixels a latent, along each side."""
    unet_channels: int
    """Channels of the UNet's finest level."""
    unet_scale: int
    """Latents a position of the UNet's coarsest level, along each side."""
    empty_negative_is_zero: bool
    """An empty negative prompt stands for embeddings of zeros (SDXL), not for an encoded ''."""
    prediction_type: str
    """What the UNet predicts: epsilon, v_prediction or sample."""
    train_timesteps: int

    @property
    def image_side(self) -> int:
        """Side in pixels of the images that the model was trained on."""
        return self.latent_side * self.vae_scale

    @property
    def guided(self) -> bool:
        """Whether guidance mixes in a second, unconditional pass of the UNet."""
        return self.guidance_channels is None


def read_model_info(folder: Path) -> ModelInfo:
    """The facts about the model in `folder`; `InputError` for one that cannot be served."""
    index = read_json(folder / "model_index.json")
    pipeline = index.get("_class_name")
    if pipeline not in PIPELINES:
        raise InputError(
            f"model folder {str(folder)!r} holds a {pipeline}, not a Stable Diffusion style "
            f"pipeline: give one of {', '.join(PIPELINES)}"
        )
    encoders = tuple(name for name in ("text_encoder", "text_encoder_2") if _class(index, name))
    _check_components(folder, index, encoders)
    tokenizers = [name.replace("text_encoder", "tokenizer") for name in encoders]
    for part in (*encoders, *tokenizers, "unet", "vae", "scheduler"):
        if not (folder / part).is_dir():
            raise InputError(
                f"model folder {str(folder)!r} lacks the folder {part!r}: copy it whole"
            )
    unet = read_json(folder / "unet" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    text = [read_json(folder / name / "config.json") for name in encoders]
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    _check_unet(folder, unet, vae, len(encoders))
    try:
        return ModelInfo(
            pipeline=pipeline,
            text_encoders=encoders,
            tokens=text[0]["max_position_embeddings"],
            context_channels=unet["cross_attention_dim"],
            pooled_channels=text[1]["projection_dim"] if len(text) > 1 else None,
            guidance_channels=unet.get("time_cond_proj_dim"),
            latent_channels=unet["in_channels"],
            latent_side=unet["sample_size"],
            vae_scale=vae_scale(vae),
            unet_channels=unet["block_out_channels"][0],
            unet_scale=2 ** (len(unet["block_out_channels"]) - 1),
            empty_negative_is_zero=index.get("force_zeros_for_empty_prompt", len(text) > 1),
            prediction_type=scheduler.get("prediction_type", "epsilon"),
            train_timesteps=scheduler.get("num_train_timesteps", 1000),
        )
    except KeyError as error:
        raise InputError(
            f"model folder {str(folder)!r} has no {error} in its configuration: copy it again"
        ) from None


def vae_scale(config: Mapping[str, Any]) -> int:
    """Pixels a latent, along each side, of a VAE of one of the classes `VAES`."""
    channels = config.get("decoder_block_out_channels") or config["block_out_channels"]
    return int(2 ** (len(channels) - 1))


def _class(index: dict[str, Any], name: str) -> str | None:
    """The class name of a component; None for one that the model does without."""
    _, kind = index.get(name) or (None, None)
    return kind


def _check_components(folder: Path, index: dict[str, Any], encoders: tuple[str, ...]) -> None:
    supported = {"unet": ("UNet2DConditionModel",), "vae": VAES}
    for name in ("unet", "vae", *encoders):
        kind = _class(index, name)
        expected = supported.get(name, _TEXT_ENCODERS)
        if kind not in expected:
            raise InputError(
                f"model folder {str(folder)!r} has a {name} of class {kind}: "
                f"{' or '.join(expected)} is needed"
            )
    wanted = 2 if index["_class_name"] == "StableDiffusionXLPipeline" else 1
    if len(encoders) != wanted:
        raise InputError(
            f"model folder {str(folder)!r} has {len(encoders)} text encoders: "
            f"a {index['_class_name']} with {wanted} is needed"
        )


def _check_unet(folder: Path, unet: dict[str, Any], vae: dict[str, Any], encoders: int) -> None:
    reasons = []
    if unet.get("in_channels") != vae.get("latent_channels"):
        reasons.append(
            f"takes {unet.get('in_channels')} channels where latents have "
            f"{vae.get('latent_channels')} (an inpainting or editing model)"
        )
    if unet.get("class_embed_type") or unet.get("num_class_embeds"):
        reasons.append("is conditioned on classes")
    if unet.get("addition_embed_type") != ("text_time" if encoders > 1 else None):
        reasons.append(f"has additional conditions {unet.get('addition_embed_type')!r}")
    if unet.get("encoder_hid_dim_type"):
        reasons.append(f"projects its context by {unet['encoder_hid_dim_type']!r}")
    if reasons:
        raise InputError(
            f"the UNet of model folder {str(folder)!r} {' and '.join(reasons)}: give a plain "
            "text-to-image model"
        )
