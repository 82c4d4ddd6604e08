"""Loading the parts of a model with `diffusers` and `transformers`, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...base.errors import InputError
from ...base.printable import short
from ...base.tensor_files import open_tensors
from .checked_load import load_checked, no_loading_bar
from .json_files import read_json
from .model_info import ModelInfo, text_encoder_values
from .textual_inversion import TextualInversion, add_to_text_encoders, add_to_tokenizers
from .vae_folder import vae_class

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer


def load_tokenizers(
    folder: Path, info: ModelInfo, inversions: Sequence[TextualInversion] = ()
) -> list[CLIPTokenizer]:
    """The tokenizer of each text encoder, which knows the words of `inversions`."""
    from transformers import CLIPTokenizer

    tokenizers = []
    for name, encoder in zip(info.tokenizers, info.text_encoders, strict=True):
        with _one_sentence(folder / name):
            tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder=name)
            _check_tokenizer(tokenizer, folder / name, folder / encoder)
        tokenizers.append(tokenizer)
    add_to_tokenizers(tokenizers, inversions)
    return tokenizers


def _check_tokenizer(tokenizer: CLIPTokenizer, folder: Path, encoder: Path) -> None:
    """Raise `InputError` unless the text encoder, where it is there, knows what is in each prompt.

    The library gives special tokens that are not in the vocabulary numbers of their own.
    """
    if tokenizer.pad_token is None:
        raise InputError(
            f"tokenizer {str(folder)!r} has no 'pad_token' to fill up prompts with: copy it again"
        )
    known = None  # of an exported model
    if (encoder / "config.json").is_file():
        known = text_encoder_values(encoder)["vocab_size"]
    check_special_tokens(tokenizer, known, f"tokenizer {str(folder)!r}")


def check_special_tokens(tokenizer: Any, known: int | None, where: str) -> None:
    """Raise `InputError` for a special token beyond the first `known`, those of a text encoder.

    The library gives special tokens that are not in the vocabulary numbers of their own, and never
    ends, up to Python's limit (`RecursionError`), where the unknown token itself is unknown.
    """
    for token, number in zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True):
        if known is not None and number >= known:
            raise InputError(
                f"{where} has {short(token)} as a special token, which is not in its vocabulary, "
                f"and its text encoder knows {known} tokens: copy it again"
            )


def load_text_encoders(
    folder: Path,
    info: ModelInfo,
    dtype: torch.dtype | None,
    variant: str | None = None,
    inversions: Sequence[TextualInversion] = (),
) -> list[CLIPTextModel]:
    """The text encoders in `dtype` (None: as stored), in eval mode, on the CPU.

    Of weights that are there as several variants, `variant` is taken.
    """
    import transformers

    index = read_json(folder / "model_index.json")
    encoders = []
    for name in info.text_encoders:
        with _one_sentence(folder / name), no_loading_bar():
            kind = getattr(transformers, index[name][1])
            encoders.append(load_checked(kind, folder / name, variant, dtype=dtype or "auto"))
    if inversions:
        add_to_text_encoders(encoders, load_tokenizers(folder, info, inversions), inversions)
    return [_frozen(encoder) for encoder in encoders]


def load_unet(
    folder: Path, dtype: torch.dtype | None, variant: str | None = None
) -> UNet2DConditionModel:
    """The UNet of its own `folder` in `dtype` (None: as stored), in eval mode, on the CPU."""
    from diffusers import UNet2DConditionModel

    return _load_diffusers(UNet2DConditionModel, folder, dtype, variant)


def load_vae(
    folder: Path, dtype: torch.dtype | None, variant: str | None = None
) -> AutoencoderKL | AutoencoderTiny:
    """The VAE whose own folder is given, in `dtype` (None: as stored), in eval mode, on the CPU."""
    import diffusers

    return _load_diffusers(getattr(diffusers, vae_class(folder)), folder, dtype, variant)


def _load_diffusers(kind: Any, folder: Path, dtype: torch.dtype | None, variant: str | None) -> Any:
    stored = dtype or stored_dtype(folder, variant)
    with _one_sentence(folder):
        module = load_checked(kind, folder, variant, torch_dtype=stored, low_cpu_mem_usage=False)
    return _frozen(module)


def _frozen(module: Any) -> Any:
    assert isinstance(module, nn.Module)
    return module.eval().requires_grad_(False)


@contextmanager
def _one_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # the libraries raise many kinds
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"model folder {str(folder)!r} cannot be loaded: {reason}") from None


def stored_dtype(part: Path, variant: str | None = None) -> torch.dtype:
    """The widest floating dtype among the tensors of a part's safetensors files."""
    from .model_folder import weight_files

    names = set()
    for path in weight_files(part, variant):
        with open_tensors(path, "model file") as file:
            names |= {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118
    for name, dtype in (("F32", torch.float32), ("BF16", torch.bfloat16), ("F16", torch.float16)):
        if name in names:
            return dtype
    raise InputError(f"model folder {str(part)!r} has no floating-point weights: copy it again")
