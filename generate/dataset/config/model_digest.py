"""A digest of a model's content, wherever it lies and whatever it is called."""

from __future__ import annotations

from pathlib import Path

from ....base.digest import file_digest, key_digest
from ....export import is_exported, read_manifest, source_digest
from ....export.model.model_info import read_model_info
from ....export.model.vae_folder import find_vae

_SMALL_PARTS = ("scheduler", "tokenizer", "tokenizer_2")


def model_digest(folder: Path, vae: str | None) -> str:
    """SHA-256 over weights, configurations, scheduler and tokenizers of a model.

    `vae` is that of the settings. An export has another digest than the model it was made from.
    """
    small = {
        f"{part}/{file.name}": file_digest(file)
        for part in _SMALL_PARTS
        for file in sorted((folder / part).glob("*"))
        if file.is_file()
    }
    if is_exported(folder):
        graphs = read_manifest(folder).graphs
        weights = key_digest(
            {
                name: [graph.file.structure_digest, graph.file.weights_digest]
                for name, graph in graphs.items()
            }
        )
    else:
        weights = source_digest(folder, vae=find_vae(folder, read_model_info(folder), vae))
    return key_digest({"weights": weights, "files": small})
