"""A model's parts, each its own or another in its place, and what files change of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ...base.errors import InputError
from .distilled import Distilled, read_distilled
from .distilled_lora import check_distilled_lora
from .json_files import read_json
from .lora import Lora, parse_lora
from .model_folder import check_model_folder, check_weights, find_folder
from .model_info import ModelInfo, text_encoder_values
from .source_digest import source_digest
from .textual_inversion import TextualInversion, check_inversions, parse_inversion
from .vae_folder import find_vae

OWN_UNET, FEW_STEP_UNET = "own", "few-step"
"""The names that stand for a model's own UNet, and for the distilled one that it brings along."""
_FEW_STEP_FOLDER = "few_step_unet"
_SAME = ("in_channels", "out_channels", "cross_attention_dim", "block_out_channels")
"""What a UNet must have in common with the model's own, by its configuration."""


@dataclass(frozen=True)
class PartsChoice:
    """What to take in place of a model's own parts, as users name it."""

    unet: str | None = None
    """`few-step`, or the folder of a distilled UNet or LoRA; None and `own` are the model's own."""
    vae: str | None = None
    """See `find_vae`."""
    loras: tuple[str, ...] = ()
    """LoRA files to merge, each as `FILE` or `FILE:SCALE`."""
    variant: str | None = None
    """Which variant of the weights to read, of every part that has it: `fp16`, `ema`."""
    inversions: tuple[str, ...] = ()
    """Textual inversions to add, each as `FILE` or `FILE:WORD`."""
    clip_skip: int = 0
    """See `ModelInfo`."""


@dataclass(frozen=True)
class ModelParts:
    """A model's parts, found and checked."""

    folder: Path
    info: ModelInfo
    """Of the model with these parts."""
    unet: Path
    """The UNet's own folder."""
    vae: Path
    """The VAE's own folder."""
    loras: tuple[Lora, ...] = ()
    variant: str | None = None
    """See `PartsChoice`."""
    inversions: tuple[TextualInversion, ...] = ()
    distilled: Distilled | None = None
    """How the UNet is to be run, if it was distilled by `zeroreal distil`."""
    distilled_lora: Path | None = None
    """The folder of the LoRA that makes `unet` the distilled one, where a LoRA was distilled."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that decides what the parts compute; see `source_digest`."""
        return source_digest(
            self.folder,
            self.loras,
            self.vae,
            self.unet,
            self.distilled_lora,
            variant=self.variant,
            inversions=self.inversions,
            clip_skip=self.info.clip_skip,
        )


def find_parts(folder: Path, choice: PartsChoice | None = None) -> ModelParts:
    """The parts of the model in `folder` by `choice`, whose files are there and whole.

    Raises `InputError` for what is not there or damaged, and for a part that was made for another
    model.
    """
    choice = choice or PartsChoice()
    info = _skipping(folder, check_model_folder(folder, choice.variant), choice.clip_skip)
    inversions = tuple(parse_inversion(text) for text in choice.inversions)
    check_inversions(folder, info, inversions)
    own = ModelParts(
        folder,
        info,
        unet=folder / "unet",
        vae=find_vae(folder, info, choice.vae, choice.variant),
        loras=tuple(parse_lora(text) for text in choice.loras),
        variant=choice.variant,
        inversions=inversions,
        distilled=read_distilled(folder / "unet"),
    )
    if choice.unet in (None, OWN_UNET):
        return own
    assert choice.unet is not None
    unet = _other_unet(folder, choice.unet)
    distilled = _distilled(unet)
    if distilled.lora is not None:
        _check_teacher(own, unet, distilled)
        channels = check_distilled_lora(unet, distilled.lora, info.unet_channels)
        info = replace(info, guidance_channels=channels)
        return replace(own, info=info, distilled=distilled, distilled_lora=unet)
    _check_whole(own, unet)
    _check_teacher(own, unet, distilled)
    config = read_json(unet / "config.json")
    info = replace(info, guidance_channels=config.get("time_cond_proj_dim"))
    return replace(own, info=info, unet=unet, distilled=distilled)


def _skipping(folder: Path, info: ModelInfo, clip_skip: int) -> ModelInfo:
    """The facts with the layers that text encoders leave out, if they have so many."""
    layers = (
        text_encoder_values(folder / name)["num_hidden_layers"] for name in info.text_encoders
    )
    most = min(layers) - (len(info.text_encoders) - 1)  # SDXL's leave one out by themselves
    if not 0 <= clip_skip <= most:
        raise InputError(
            f"clip skip {clip_skip} was asked for, the text encoders of model folder "
            f"{str(folder)!r} can leave out 0 to {most} layers: give one of these"
        )
    return replace(info, clip_skip=clip_skip)


def few_step_unet(folder: Path) -> Distilled | None:
    """How the distilled UNet that the model in `folder` brings along is run; None without one."""
    return read_distilled(folder / _FEW_STEP_FOLDER)


def _other_unet(folder: Path, name: str) -> Path:
    if name != FEW_STEP_UNET:
        return find_folder(name, "UNet", "leave it out for the model's own")
    if not (folder / _FEW_STEP_FOLDER).is_dir():
        raise InputError(
            f"UNet {FEW_STEP_UNET!r} was asked for, model folder {str(folder)!r} has none "
            f"({_FEW_STEP_FOLDER}): make one with 'zeroreal distil', or leave it out"
        )
    return folder / _FEW_STEP_FOLDER


def _distilled(unet: Path) -> Distilled:
    """The record in the folder of a distilled UNet, or of a LoRA of one."""
    distilled = read_distilled(unet)
    if distilled is None:
        raise InputError(
            f"UNet folder {str(unet)!r} has no record of being distilled: give one that 'zeroreal "
            "distil' wrote"
        )
    return distilled


def _check_whole(own: ModelParts, unet: Path) -> None:
    """Raise `InputError` for a UNet that is damaged or of another shape than the model's own."""
    check_weights(unet, own.variant)
    theirs, ours = (read_json(one / "config.json") for one in (unet, own.unet))
    for name in _SAME:
        if theirs.get(name) != ours.get(name):
            raise InputError(
                f"UNet folder {str(unet)!r} has {name} {theirs.get(name)}, the model's own has "
                f"{ours.get(name)}: give one that was distilled from this model"
            )


def _check_teacher(own: ModelParts, unet: Path, distilled: Distilled) -> None:
    """Raise `InputError` where the UNet was distilled from another model."""
    folder, info = own.folder, own.info
    if distilled.prediction_type != info.prediction_type:  # the scheduler is in no digest
        raise InputError(
            f"UNet folder {str(unet)!r} predicts {distilled.prediction_type}, the scheduler of "
            f"{str(folder)!r} expects {info.prediction_type}: give back the scheduler's "
            "configuration"
        )
    if distilled.teacher != source_digest(folder, variant=own.variant):
        raise InputError(
            f"UNet folder {str(unet)!r} was distilled from another model than {str(folder)!r}, or "
            "its files changed since: distil this one, or give the other"
        )
