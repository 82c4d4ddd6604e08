"""Configurations of a model's parts as the libraries read them: their defaults for absent keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.foreign import ForeignValues, Values, check_values
from ...base.printable import short
from ...base.reading import read_text
from .values.files import ModelIndex, ShardIndex, TokenizerValues, Vocabulary
from .values.parts import VAES, DualEncoderValues, TextValues, UNetValues
from .values.scheduler import SchedulerValues

_REMEDY = "copy it again"
_IN_WEIGHTS = (
    "block_out_channels",
    "decoder_block_out_channels",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "vocab_size",
)
"""Fields that are a side of some tensor, which the libraries allocate before they see the file."""


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


def check_dual_encoder(path: Path, given: dict[str, Any]) -> None:
    """Raise `InputError` for values of a dual encoder that the library does not take."""
    _checked(DualEncoderValues, path, given)


def model_index(path: Path, given: dict[str, Any]) -> ModelIndex:
    """The parts that a pipeline's index names; `InputError` for one that is no pair of names."""
    return _checked(ModelIndex, path, given)


def part_class(index: ModelIndex, name: str) -> str | None:
    """The class name of a part; None for one that the model does without."""
    library, kind = getattr(index, name) or (None, None)
    return kind if library else None


def prompt_length(path: Path, given: dict[str, Any]) -> float | None:
    """Most tokens of a prompt, by a tokenizer's configuration; None where it does not say."""
    return _checked(TokenizerValues, path, given).model_max_length


def shard_names(path: Path, given: dict[str, Any]) -> set[str]:
    """The files that an index of weights names."""
    return set(_checked(ShardIndex, path, given).weight_map.values())


def check_vocabulary(path: Path, given: dict[str, Any], size: int | None = None) -> None:
    """Raise `InputError` for a token of a tokenizer's file without a number, or one above `size`.

    That is how many tokens the text encoder knows, where there is one.
    """
    numbers = _checked(Vocabulary, path, given).root
    token = max(numbers, key=numbers.__getitem__)
    if size is not None and numbers[token] >= size:
        raise InputError(
            f"model file {str(path)!r} has {numbers[token]} as {short(token)}: its text encoder "
            f"knows tokens below {size}; {_REMEDY}"
        )


def check_merges(path: Path) -> None:
    """Raise `InputError` for a line of a tokenizer's merges that is not two parts of words."""
    try:
        text = read_text(path, "model file")
    except UnicodeDecodeError:
        raise InputError(f"model file {str(path)!r} is not UTF-8 text; {_REMEDY}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and len(line.split()) != 2 and not line.startswith("#version"):
            raise InputError(
                f"model file {str(path)!r} has {short(line.rstrip())} in line {number}: two parts "
                f"of a word are needed; {_REMEDY}"
            )


def check_sides(folder: Path, given: dict[str, Any], longest: int) -> None:
    """Raise `InputError` where a part's configuration names sides that its weights do not have.

    `longest` is the longest side of all tensors in its own `folder`.
    """
    for name in _IN_WEIGHTS:
        value = given.get(name)
        sides = value if isinstance(value, list) else [value]
        if any(isinstance(side, int) and side > longest for side in sides):
            raise InputError(
                f"model file {str(folder / 'config.json')!r} has {short(value)} as {name!r}: no "
                f"tensor of its weights has a side above {longest}; {_REMEDY}"
            )


def check_scheduler(path: Path, given: dict[str, Any]) -> None:
    """Raise `InputError` for numbers in the scheduler's file that make no noise schedule."""
    _checked(SchedulerValues, path, given)


def vae_scale(config: dict[str, Any]) -> int:
    """Pixels a latent, along each side, by what `complete_vae` gave."""
    channels = config.get("decoder_block_out_channels") or config["block_out_channels"]
    return int(2 ** (len(channels) - 1))


def _complete(kind: type[ForeignValues], path: Path, given: dict[str, Any]) -> dict[str, Any]:
    return _checked(kind, path, given).model_dump()


def _checked(kind: type[Values], path: Path, given: dict[str, Any]) -> Values:
    return check_values(kind, given, f"model file {str(path)!r}", _REMEDY)
