"""Finding and loading dual encoders, by the library that saved them."""

from __future__ import annotations

from pathlib import Path

import torch

from ..assets import TINY_CLIP
from ..base.errors import InputError
from ..export.model.model_folder import find_folder
from . import open_clip_folder, transformers_folder
from .dual_encoder import DualEncoder
from .settings import EMBEDDED


def find_encoder(name: str | Path) -> Path:
    """The local folder of an encoder: that of `embedded`, one of the user's or a hub id's.

    Raises `InputError` where there is none.
    """
    if str(name) == EMBEDDED:
        return TINY_CLIP
    return find_folder(
        name,
        "encoder",
        f"name the one that ships, {EMBEDDED!r}",
        library="transformers or open_clip",
    )


def load_encoder(name: str | Path, device: torch.device) -> DualEncoder:
    """The dual encoder called `name`, in float16 on a GPU and in float32 elsewhere.

    Args:
        name: a folder that `transformers` or `open_clip` saved, a hub id, or `embedded`.
        device: where to compute.

    Raises:
        InputError: for a folder that does not exist, is damaged or holds no dual encoder with
            safetensors and tokenizer.
    """
    folder = find_encoder(name)
    library = open_clip_folder if (folder / open_clip_folder.CONFIG).is_file() else None
    if library is None and (folder / transformers_folder.CONFIG).is_file():
        library = transformers_folder
    if library is None:
        raise InputError(
            f"encoder folder {str(folder)!r} has neither {transformers_folder.CONFIG}, of "
            f"transformers, nor {open_clip_folder.CONFIG}, of open_clip: give a dual encoder's"
        )
    try:
        return DualEncoder(str(name), library.load_towers(folder, device), device)
    except InputError:
        raise
    except Exception as error:  # the libraries raise many kinds
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"encoder {str(name)!r} cannot be loaded ({reason}): copy its folder whole"
        ) from None
