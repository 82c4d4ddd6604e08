"""A digest of all that decides what a model computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.digest import file_digest, key_digest
from .lora import Lora
from .model_folder import weight_files
from .model_info import read_model_info

if TYPE_CHECKING:
    pass


def source_digest(folder: Path, loras: Sequence[Lora] = (), vae: Path | None = None) -> str:
    """SHA-256 over the weights, the parts' configurations and the LoRA files with their scales.

    `vae` is the folder of another VAE than the model's own.
    """
    parts = {name: folder / name for name in (*read_model_info(folder).text_encoders, "unet")}
    parts["vae"] = vae or folder / "vae"
    content = {
        f"{name}/{path.name}": file_digest(path)
        for name, part in parts.items()
        for path in (*weight_files(part), part / "config.json")
    }
    merged = [[file_digest(lora.path), lora.scale] for lora in loras]
    return key_digest({"files": content, "lora": merged})
