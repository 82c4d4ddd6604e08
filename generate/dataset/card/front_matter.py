"""The front matter of a dataset's card: what the Hugging Face hub and `datasets` read."""

from __future__ import annotations

from typing import Any

import yaml

from .columns import hub_type
from .facts import CardFacts, pattern, size_category

_TAGS = ("synthetic", "zeroreal", "text-to-image", "diffusion")


def front_matter(facts: CardFacts) -> str:
    """The YAML between a card's two lines of dashes, with these.

    PyYAML quotes what users wrote wherever YAML would read it as something else.
    """
    text = yaml.safe_dump(card_data(facts), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n"


def card_data(facts: CardFacts) -> dict[str, Any]:
    """The content of the front matter."""
    split = {"name": "train", "num_bytes": facts.bytes, "num_examples": facts.images}
    paths = pattern(facts, tables=facts.format == "npy")
    return {
        "pretty_name": facts.title,
        **_licence(facts),
        "task_categories": ["image-classification"],
        "task_ids": ["multi-class-image-classification"],
        "annotations_creators": ["machine-generated"],
        "size_categories": [size_category(facts.images)],
        "tags": [*_TAGS, *(["webdataset"] if facts.format == "webdataset" else [])],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": paths}]},
        ],
        "dataset_info": {
            "features": _features(facts),
            "splits": [split],
            "download_size": facts.bytes,
            "dataset_size": facts.bytes,
        },
    }


def _licence(facts: CardFacts) -> dict[str, str]:
    licence = facts.model.licence
    if licence.on_hub:
        return {"license": licence.id}
    return {"license": "other", "license_name": licence.id, "license_link": licence.link}


def _features(facts: CardFacts) -> list[dict[str, Any]]:
    image = {"name": "image", "dtype": "image"}
    names = [one.name for one in facts.classes]
    if facts.format == "folder":
        return [image, _labels("label", names)]
    columns = [{"name": column.name, **hub_type(column.type)} for column in facts.schema]
    if facts.format == "webdataset":
        return [
            {"name": facts.image_format, "dtype": "image"},
            _labels("cls", names),
            {"name": "txt", "dtype": "string"},
            {"name": "json", "struct": columns},
            {"name": "__key__", "dtype": "string"},
            {"name": "__url__", "dtype": "string"},
        ]
    label = _labels("label", names)
    if facts.format == "npy":
        return [label if one["name"] == "label" else one for one in columns]
    return [image, label, *(one for one in columns if one["name"] != "label")]


def _labels(column: str, names: list[str]) -> dict[str, Any]:
    numbered = {str(number): name for number, name in enumerate(names)}
    return {"name": column, "dtype": {"class_label": {"names": numbered}}}
