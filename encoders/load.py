"""Finding and loading dual encoders, by the library that saved them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..assets import TINY_CLIP
from ..base.digest import file_digest, key_digest
from ..base.errors import InputError
from ..engine import Cache
from ..export.model.model_folder import find_folder
from . import open_clip_folder, transformers_folder
from .dual_encoder import DualEncoder, best_batch
from .image_engine import check_engine, on_engine
from .settings import EMBEDDED

_DECIDING = (".json", ".model", ".safetensors")
_TOKENIZER, _WITHOUT_IT = "tokenizer.json", ("merges.txt", "vocab.txt")


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


def encoder_digest(name: str | Path | None) -> str | None:
    """SHA-256 over the files of an encoder that decide what it says; None without one.

    A tokenizer's lists in text files are among them where no tokenizer.json takes their place.
    """
    if name is None:
        return None
    folder = find_encoder(name)
    lists = () if (folder / _TOKENIZER).is_file() else _WITHOUT_IT
    files = sorted(
        path for path in folder.iterdir() if path.suffix in _DECIDING or path.name in lists
    )
    return key_digest({path.name: file_digest(path) for path in files})


def load_encoder(
    name: str | Path,
    device: torch.device,
    engine: str = "torch",
    cache: Cache | None = None,
) -> DualEncoder:
    """The dual encoder called `name`, in float16 on a GPU and in float32 elsewhere.

    Args:
        name: a folder that `transformers` or `open_clip` saved, a hub id, or `embedded`.
        device: where to compute.
        engine: what runs the image encoder: `torch`, `torch:compiled`, `onnxruntime` or one of its
            providers, such as `onnxruntime:cuda`. Texts are PyTorch's.
        cache: where engines are kept; by default the user's.

    Raises:
        InputError: for an engine that cannot run it, and for a folder that does not exist, is
            damaged or holds no dual encoder with safetensors and tokenizer.
    """
    check_engine(engine)
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
        towers = library.load_towers(folder, device)
        towers = replace(
            towers,
            embed_images=on_engine(
                towers.embed_images,
                engine,
                folder,
                image_size=towers.image_size,
                batch_size=best_batch(towers.image_size, device),
                device=device,
                cache=cache or Cache(),
            ),
        )
        return DualEncoder(str(name), towers, device)
    except InputError:
        raise
    except Exception as error:  # the libraries raise many kinds
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"encoder {str(name)!r} cannot be loaded ({reason}): copy its folder whole"
        ) from None
