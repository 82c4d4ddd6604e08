"""The columns of a dataset: what they mean, and what catalogues call their types."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_MEANINGS = {
    "image": "The picture.",
    "key": "What the files of the sample are called in the archive.",
    "file_name": "Where the picture lies, seen from the folder of all pictures.",
    "index": "The place of the image in the dataset; all else follows from it.",
    "label": "The number of the class, from 0.",
    "class": "The name of the class.",
    "prompt": "What the model was asked for.",
    "negative_prompt": "What guidance led away from.",
    "language": "The language of the class's name in the prompt.",
    "domain": "What of the recipe's domains the prompt asked for; empty where it has none.",
    "guidance": "The scale of classifier-free guidance; 1 is none.",
    "seed": "The seed of the noise that the image began as.",
    "rejected": "The reasons for which earlier attempts at this image were made again.",
    "model": "SHA-256 of the files of the model.",
    "engine": "What ran the model.",
    "precision": "What the model computed in.",
}


def meaning(column: str) -> str:
    """What a column holds, in a sentence."""
    return _MEANINGS.get(column, f"The {column.replace('_', ' ')} of the image.")


def hub_type(kind: pa.DataType) -> dict[str, Any]:
    """A column's type as `dataset_info` writes it."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return {"list": hub_type(kind.value_type)["dtype"]}
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return {"dtype": names.get(str(kind), str(kind))}


def croissant_type(kind: pa.DataType) -> str:
    """A column's type, or that of a list's items, as Croissant writes it."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return croissant_type(kind.value_type)
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
