"""What a configuration of `open_clip` may hold: nothing absurd, and nothing of the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat

from ..base.errors import InputError
from ..base.foreign import ForeignValues, check_values

Side = Annotated[int, Field(ge=1, le=2**24)]
Layers = Annotated[int, Field(ge=1, le=1_000)]
_Several = Annotated[list[Layers], Field(min_length=1, max_length=16)]
_TOKENIZER_OPTIONS = {"clean", "strip_sep_token", "language"}


class TextValues(ForeignValues):
    """Of the text encoder."""

    context_length: Annotated[int, Field(ge=3, le=2**16)] = 77
    vocab_size: Side = 49408
    width: Side = 512
    heads: Side = 8
    layers: Layers = 12
    hf_model_name: str | None = None
    hf_tokenizer_name: str | None = None
    tokenizer_kwargs: dict[str, Any] | None = None


class VisionValues(ForeignValues):
    """Of the image encoder."""

    layers: Layers | _Several = 12
    width: Side = 768
    head_width: Side = 64
    mlp_ratio: PositiveFloat = 4.0
    patch_size: Side | None = 16
    image_size: Side | list[Side] = 224
    timm_model_name: str | None = None


class ModelValues(ForeignValues):
    """Of the whole model."""

    embed_dim: Side
    vision_cfg: VisionValues
    text_cfg: TextValues


class OpenClipValues(ForeignValues):
    """Of the file."""

    model_cfg: ModelValues
    preprocess_cfg: dict[str, Any]


def check_open_clip(path: Path, content: dict[str, Any]) -> TextValues:
    """What is told of the text encoder.

    Raises `InputError` for values that the library does not take, and for such as would make it
    fetch something or run code of the hub.
    """
    values = check_values(OpenClipValues, content, f"model file {str(path)!r}", "copy it again")
    text, vision = values.model_cfg.text_cfg, values.model_cfg.vision_cfg
    if text.hf_model_name is not None:
        raise InputError(
            f"model file {str(path)!r} has a text encoder whose configuration is on the hub "
            f"({text.hf_model_name!r}): give an encoder that transformers saved, or another one"
        )
    if ":" in (vision.timm_model_name or ""):
        raise InputError(
            f"model file {str(path)!r} has an image encoder that timm would fetch "
            f"({vision.timm_model_name!r}): give another encoder"
        )
    unserved = sorted(set(text.tokenizer_kwargs or ()) - _TOKENIZER_OPTIONS)
    if unserved:
        raise InputError(
            f"model file {str(path)!r} has {unserved[0]!r} among its 'tokenizer_kwargs', which is "
            "not served (it can draw words at random, fetch or run code): give another encoder"
        )
    return text
