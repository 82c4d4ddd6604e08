"""Files about parts: the pipeline's index, an index of weights, a tokenizer's."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, RootModel

from ....base.foreign import ForeignValues


def _check_part(pair: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    if pair[0] is not None and pair[1] is None:
        raise ValueError("a library and a class, or two nulls, are needed")
    return pair


Part = (
    Annotated[tuple[str | None, str | None], Field(strict=False), AfterValidator(_check_part)]
    | None
)


class ModelIndex(ForeignValues):
    """Of `model_index.json`: library and class of each part, or two nulls."""

    unet: Part = None
    vae: Part = None
    text_encoder: Part = None
    text_encoder_2: Part = None
    tokenizer: Part = None
    tokenizer_2: Part = None
    scheduler: Part = None
    force_zeros_for_empty_prompt: bool | int | None = None


class ShardIndex(ForeignValues):
    """Of weights in several files: `*.safetensors.index.json`."""

    weight_map: dict[str, str] = Field(default_factory=dict)


class TokenizerValues(ForeignValues):
    """Of `tokenizer_config.json`."""

    model_max_length: Annotated[float, Field(ge=1)] | None = None


class Vocabulary(
    RootModel[Annotated[dict[str, Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)]]
):
    """Of a tokenizer: the number of each token."""
