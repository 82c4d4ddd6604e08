"""Textual inversions: words that a file teaches a model's tokenizers and text encoders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...base.errors import InputError
from ...base.tensor_files import load_tensors
from .model_info import ModelInfo, text_encoder_values
from .safetensors_header import read_header

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

_PICKLES = (".bin", ".ckpt", ".pt", ".pth")
_FILE_AND_WORD = re.compile(r"(.*?\.(?:safetensors|bin|ckpt|pt|pth)):(.*)")
_KIND = "textual inversion"
_NAMELESS = "emb_params"
"""What AUTOMATIC1111 and kohya's scripts call the vectors, whose word is the file's name."""
_XL = ("clip_l", "clip_g")
"""The same for Stable Diffusion XL: of the first text encoder and of the second."""


@dataclass(frozen=True)
class TextualInversion:
    """A file, and the word of prompts that stands for what it taught."""

    path: Path
    token: str


def parse_inversion(text: str) -> TextualInversion:
    """A textual inversion from `FILE` or `FILE:WORD`; `InputError` for what cannot be used.

    Without a word it is the one in the file or, where there is none, the file's name.
    """
    path, word = Path(text), ""
    if not path.is_file() and (parts := _FILE_AND_WORD.fullmatch(text)):
        path, word = Path(parts[1]), parts[2]  # the word may have colons of its own
    if path.suffix in _PICKLES:
        raise InputError(
            f"{_KIND} file {str(path)!r} is a pickle, which can run code when loaded: convert it "
            "to safetensors"
        )
    if not path.is_file():
        raise InputError(
            f"{_KIND} file {str(path)!r} does not exist: give a path and, after a colon, the word "
            "that stands for it"
        )
    names = list(read_header(path, _KIND).shapes)
    if not word:
        is_nameless = names == [_NAMELESS] or len(names) != 1
        word = path.stem if is_nameless else names[0]
    return TextualInversion(path, word)


def check_inversions(folder: Path, info: ModelInfo, inversions: Sequence[TextualInversion]) -> None:
    """Raise `InputError` for files that do not fit the model in `folder`."""
    widths = [text_encoder_values(folder / name)["hidden_size"] for name in info.text_encoders]
    for inversion in inversions:
        vectors = _vectors(inversion, len(widths))
        for found, width in zip(vectors, widths, strict=True):
            if found.shape[1] != width:
                raise _unfit(
                    inversion,
                    f"has vectors of {found.shape[1]} numbers where the model's text encoder has "
                    f"{width}",
                )


def add_to_tokenizers(
    tokenizers: Sequence[CLIPTokenizer], inversions: Sequence[TextualInversion]
) -> None:
    """Teach the words to a model's tokenizers; `InputError` for one that they know already.

    A word of several vectors is as many tokens: `<cat>`, `<cat>_1`.
    """
    for inversion in inversions:
        vectors = _vectors(inversion, len(tokenizers))
        for tokenizer, values in zip(tokenizers, vectors, strict=True):
            known = tokenizer.get_vocab()
            if inversion.token in known or f"{inversion.token}_1" in known:
                raise InputError(
                    f"the word {inversion.token!r} of {_KIND} file {str(inversion.path)!r} is a "
                    "token of the model already: choose another, FILE:WORD"
                )
            tokenizer.add_tokens(_tokens(inversion, len(values)))


def add_to_text_encoders(
    encoders: Sequence[CLIPTextModel],
    tokenizers: Sequence[CLIPTokenizer],
    inversions: Sequence[TextualInversion],
) -> None:
    """Put the vectors where the ids of the words point that `add_to_tokenizers` taught."""
    for encoder, tokenizer in zip(encoders, tokenizers, strict=True):
        rows = encoder.get_input_embeddings().weight.shape[0]
        encoder.resize_token_embeddings(max(rows, len(tokenizer)), mean_resizing=False)
    for inversion in inversions:
        vectors = _vectors(inversion, len(encoders))
        for encoder, tokenizer, values in zip(encoders, tokenizers, vectors, strict=True):
            weight: Tensor = encoder.get_input_embeddings().weight
            ids = tokenizer.convert_tokens_to_ids(_tokens(inversion, len(values)))
            with torch.no_grad():
                weight[ids] = values.to(weight.dtype)


def _tokens(inversion: TextualInversion, count: int) -> list[str]:
    return [inversion.token, *(f"{inversion.token}_{number}" for number in range(1, count))]


def _vectors(inversion: TextualInversion, encoders: int) -> list[Tensor]:
    """The vectors `[n, channels]` for each of a model's text encoders."""
    tensors = load_tensors(inversion.path, f"{_KIND} file")
    is_xl = set(tensors) == set(_XL)
    if not is_xl and len(tensors) != 1:
        shown = ", ".join(repr(name) for name in sorted(tensors)[:3])
        raise InputError(
            f"{_KIND} file {str(inversion.path)!r} holds {len(tensors)} tensors ({shown}), where "
            "one of them, or 'clip_l' and 'clip_g', are expected: give another file"
        )
    if is_xl != (encoders == 2):
        made_for = "Stable Diffusion XL" if is_xl else "a model with one text encoder"
        raise _unfit(inversion, f"was made for {made_for}, the model has {encoders}")
    found = [tensors[name] for name in _XL] if is_xl else list(tensors.values())
    vectors = [values[None] if values.dim() == 1 else values for values in found]
    counts = {len(values) for values in vectors}
    if any(values.dim() != 2 for values in vectors) or len(counts) != 1 or 0 in counts:
        raise _unfit(inversion, f"has tensors of shape {[tuple(v.shape) for v in found]}")
    if not all(values.is_floating_point() and values.isfinite().all() for values in vectors):
        raise InputError(
            f"{_KIND} file {str(inversion.path)!r} has values that are no finite numbers: its "
            "training failed, use another"
        )
    return vectors


def _unfit(inversion: TextualInversion, what: str) -> InputError:
    return InputError(
        f"{_KIND} file {str(inversion.path)!r} {what}: use one made for this model's family"
    )
