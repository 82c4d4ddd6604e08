"""What a Stable Diffusion style folder holds, read from its configuration files alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.printable import printable
from .configuration import (
    check_scheduler,
    complete_text_encoder,
    complete_unet,
    complete_vae,
    model_index,
    part_class,
    prompt_length,
    vae_scale,
)
from .json_files import read_json
from .values.files import ModelIndex
from .values.parts import VAES

_SD, SDXL, _LCM = PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
    "LatentConsistencyModelPipeline",
)
REPAIRING = _SD
"""The pipeline whose constructor mends what old folders say of scheduler and size."""
_KIN = ("StableDiffusion", "LatentConsistencyModel")
_TEXT_ENCODERS = ("CLIPTextModel", "CLIPTextModelWithProjection")


@dataclass(frozen=True)
class ModelInfo:
    """The facts about a text-conditional latent diffusion model that its graphs' shapes follow."""

    pipeline: str
    """Class name of the `diffusers` pipeline that makes images of text with these parts."""
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
    latent_side: int | None
    """Side of the square latents that the model was trained on; None if its folder names none."""
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
    clip_skip: int = 0
    """Layers that text encoders leave out at their end, for prompts but not for negative ones.

    So it is in the pipelines of `diffusers`, whose count this is: SDXL's leave out one more.
    """

    @property
    def image_side(self) -> int:
        """Side in pixels of the images that the model was trained on.

        Raises `InputError` where its folder names none.
        """
        if self.latent_side is None:
            raise InputError(
                "the model's UNet has no sample_size that is one number: say the side of the "
                "images by --generate-size"
            )
        return self.latent_side * self.vae_scale

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The folders of the tokenizers, in the order of their text encoders."""
        return tuple(name.replace("text_encoder", "tokenizer") for name in self.text_encoders)

    @property
    def guided(self) -> bool:
        """Whether guidance mixes in a second, unconditional pass of the UNet."""
        return self.guidance_channels is None


def read_model_info(folder: Path) -> ModelInfo:
    """The facts about the model in `folder`; `InputError` for one that cannot be served."""
    index = _index(folder)
    encoders = tuple(name for name in ("text_encoder", "text_encoder_2") if part_class(index, name))
    pipeline = pipeline_kind(folder)
    _check_components(folder, index, encoders, pipeline)
    tokenizers = [name.replace("text_encoder", "tokenizer") for name in encoders]
    for part in (*encoders, *tokenizers, "unet", "vae", "scheduler"):
        if not (folder / part).is_dir():
            raise InputError(
                f"model folder {str(folder)!r} lacks the folder {part!r}: copy it whole"
            )
    unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
    unet = complete_unet(folder / "unet", unet)
    vae = complete_vae(folder / "vae", vae, str(part_class(index, "vae")))
    text = [text_encoder_values(folder / name) for name in encoders]
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    check_scheduler(folder / "scheduler" / "scheduler_config.json", scheduler)
    _check_unet(folder, unet, vae, len(encoders))
    _check_projection(folder, encoders, text)
    if pipeline != SDXL and text[0].get("use_attention_mask"):
        raise InputError(
            f"the text encoder of model folder {str(folder)!r} masks what pads a prompt "
            "(use_attention_mask), which is not supported: give another model"
        )
    return ModelInfo(
        pipeline=pipeline,
        text_encoders=encoders,
        tokens=_tokens(folder / tokenizers[0], text[0]["max_position_embeddings"]),
        context_channels=unet["cross_attention_dim"],
        pooled_channels=text[1]["projection_dim"] if len(text) > 1 else None,
        guidance_channels=unet.get("time_cond_proj_dim"),
        latent_channels=unet["in_channels"],
        latent_side=_latent_side(unet, pipeline),
        vae_scale=vae_scale(vae),
        unet_channels=unet["block_out_channels"][0],
        unet_scale=2 ** (len(unet["block_out_channels"]) - 1),
        empty_negative_is_zero=_empty_is_zero(index, len(text)),
        prediction_type=scheduler.get("prediction_type", "epsilon"),
        train_timesteps=scheduler.get("num_train_timesteps", 1000),
    )


def text_encoder_values(folder: Path) -> dict[str, Any]:
    """The configuration of a text encoder in its own `folder`, complete and checked."""
    return complete_text_encoder(folder, read_json(folder / "config.json"))


def pipeline_kind(folder: Path) -> str:
    """Which of `PIPELINES` makes images of text with the parts of the model in `folder`.

    Pipelines for other tasks (Img2Img, ControlNet, PAG) and those that people wrote themselves have
    the same parts. Raises `InputError` for the other pipelines of `diffusers`.
    """
    index = read_json(folder / "model_index.json")
    name = index.get("_class_name")
    if isinstance(name, list) and len(name) == 2:  # the file of a pipeline of one's own comes first
        name = name[1]
    if name in PIPELINES:
        return str(name)
    if not isinstance(name, str) or not (name.startswith(_KIN) or _is_peoples_own(name)):
        raise InputError(
            f"model folder {str(folder)!r} holds a {printable(str(name))}, not a Stable Diffusion "
            f"style pipeline: give one of {', '.join(PIPELINES)}"
        )
    if name.startswith("LatentConsistencyModel"):
        return _LCM
    return SDXL if part_class(_index(folder), "text_encoder_2") else _SD


def _is_peoples_own(name: str) -> bool:
    import diffusers

    return not hasattr(diffusers, name)


def _index(folder: Path) -> ModelIndex:
    path = folder / "model_index.json"
    return model_index(path, read_json(path))


def _empty_is_zero(index: ModelIndex, encoders: int) -> bool:
    """See `ModelInfo.empty_negative_is_zero`; SDXL's pipeline says yes where the file is silent."""
    if "force_zeros_for_empty_prompt" not in index.model_fields_set:
        return encoders > 1
    return bool(index.force_zeros_for_empty_prompt)


def _tokens(tokenizer: Path, positions: int) -> int:
    """Length of a tokenised prompt: the tokenizer's, or all positions where it names none."""
    path = tokenizer / "tokenizer_config.json"
    length = prompt_length(path, read_json(path)) if path.is_file() else None
    return positions if length is None else int(min(length, positions))


def _latent_side(unet: dict[str, Any], pipeline: str) -> int | None:
    """The UNet's `sample_size` as its pipeline takes it; None unless it is one side."""
    size = unet["sample_size"]
    sides = [size] if isinstance(size, int) else size or []
    if len(set(sides)) != 1:
        return None
    # Versions before 0.9 wrote a default that was not the model's; the pipeline knows better.
    version = re.match(r"0\.(\d+)\.", str(unet.get("_diffusers_version", "")))
    is_old = pipeline == REPAIRING and version is not None and int(version[1]) < 9
    return 64 if is_old and isinstance(size, int) and size < 64 else int(sides[0])


def _check_components(
    folder: Path, index: ModelIndex, encoders: tuple[str, ...], pipeline: str
) -> None:
    supported = {"unet": ("UNet2DConditionModel",), "vae": tuple(VAES)}
    for name in ("unet", "vae", *encoders):
        kind = part_class(index, name)
        expected = supported.get(name, _TEXT_ENCODERS)
        if kind not in expected:
            raise InputError(
                f"model folder {str(folder)!r} has a {name} of class {printable(str(kind))}: "
                f"{' or '.join(expected)} is needed"
            )
    wanted = 2 if pipeline == SDXL else 1
    if len(encoders) != wanted:
        raise InputError(
            f"model folder {str(folder)!r} has {len(encoders)} text encoders: "
            f"a {pipeline} with {wanted} is needed"
        )


def _check_unet(folder: Path, unet: dict[str, Any], vae: dict[str, Any], encoders: int) -> None:
    reasons = []
    if unet["in_channels"] != vae["latent_channels"]:
        reasons.append(
            f"takes {unet['in_channels']} channels where latents have "
            f"{vae['latent_channels']} (an inpainting or editing model)"
        )
    if unet.get("class_embed_type") or unet.get("num_class_embeds"):
        reasons.append("is conditioned on classes")
    if unet.get("addition_embed_type") != ("text_time" if encoders > 1 else None):
        reasons.append(f"has additional conditions {unet.get('addition_embed_type')!r}")
    if unet.get("dual_cross_attention"):
        reasons.append("attends to two contexts (dual_cross_attention)")
    if unet.get("encoder_hid_dim_type"):
        reasons.append(f"projects its context by {unet['encoder_hid_dim_type']!r}")
    if reasons:
        raise InputError(
            f"the UNet of model folder {str(folder)!r} {' and '.join(reasons)}: give a plain "
            "text-to-image model"
        )


def _check_projection(
    folder: Path, encoders: tuple[str, ...], text: Sequence[dict[str, Any]]
) -> None:
    """Only the pooled embedding of SDXL is projected; others may name no width."""
    if len(text) > 1 and text[1]["projection_dim"] is None:
        path = folder / encoders[1] / "config.json"
        raise InputError(
            f"model file {str(path)!r} has None as 'projection_dim': a width is needed; copy it "
            "again"
        )
