"""A digest of a model's content, wherever it lies and whatever it is called."""

from __future__ import annotations

from pathlib import Path

from ....base.digest import file_digest, key_digest
from ....export import is_exported, read_manifest
from ....export.model.parts import find_parts
from ...facts import parts_of
from ...settings import GenerateSettings

_SMALL_PARTS = ("scheduler", "tokenizer", "tokenizer_2")


def model_digest(folder: Path, settings: GenerateSettings) -> str:
    """SHA-256 over weights, configurations, scheduler and tokenizers of a model.

    The parts are those of `settings`. An export has another digest than the model it was made from.
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
        weights = find_parts(folder, parts_of(settings, settings.unet)).digest
    return key_digest({"weights": weights, "files": small})
