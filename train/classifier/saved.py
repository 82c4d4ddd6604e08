"""A trained classifier on disk: safetensors, and beside it what is needed to build it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.files import write_atomically
from ...base.foreign import check_fields
from ...base.reading import load_json, parse_json
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ..settings import TrainSettings
from .create import create_classifier, to_channels_last
from .evaluate import predict, predict_features, predict_logits

WEIGHTS = "classifier.safetensors"
DESCRIPTION = "classifier.json"
_REMEDY = "restore its files, or train it again"
_FORMER_LEAST_MAP = 4  # of all classifiers, before descriptions said it


@dataclass(frozen=True)
class ClassifierCard:
    """All that, with the weights, makes a classifier usable again."""

    classifier: str
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    image_size: int
    least_map: int = TrainSettings.least_map
    """See `TrainSettings`."""


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier loaded from a run, in eval mode."""

    card: ClassifierCard
    model: nn.Module
    device: torch.device

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities, float32 `[N, K]`, of uint8 images `[N, S, S, 3]`."""
        return predict(self.model, images, self.device, self.card.image_size)

    def logits(self, images: Tensor) -> Tensor:
        """Logits, float32 `[N, K]`, of uint8 images `[N, S, S, 3]`."""
        return predict_logits(self.model, images, self.device, self.card.image_size)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer takes, float32 `[N, D]`, of uint8 images `[N, S, S, 3]`."""
        return predict_features(self.model, images, self.device, self.card.image_size)


def save_classifier(folder: Path, model: nn.Module, card: ClassifierCard) -> None:
    """Write weights and description into `folder`, each atomically.

    The weights hold the description, too, and a digest of both.
    """
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, sealed(tensors, json.dumps(asdict(card))))
    write_atomically(folder / DESCRIPTION, json.dumps(asdict(card), indent=2).encode() + b"\n")


def load_classifier(folder: Path, device: torch.device) -> SavedClassifier:
    """Load what `save_classifier` wrote, or others in its place.

    Raises `InputError` for a missing or damaged file, for weights that are not finite or of other
    shapes than the classifier's, and for a description that has changed since.
    """
    for name in (DESCRIPTION, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(
                f"run folder {str(folder)!r} has no {name}: give the folder of a finished run"
            )
    fields = load_json(folder / DESCRIPTION, "description", _REMEDY)
    card = _card(fields, f"description {str(folder / DESCRIPTION)!r}")
    try:
        file = read_sealed(folder / WEIGHTS)
        if file.text is not None and parse_json(file.text, f"text of {WEIGHTS}") != fields:
            raise DamagedFileError(f"{DESCRIPTION} has changed since the weights were saved")
        model = create_classifier(
            card.classifier, len(card.classes), card.image_size, card.least_map
        )
        _check_values(file.tensors, model)
        model.load_state_dict(file.tensors)
    except InputError:
        raise
    except (DamagedFileError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the classifier in {str(folder)!r} cannot be loaded ({reason}): {_REMEDY}"
        ) from None
    to_channels_last(model, device).eval().requires_grad_(False)
    return SavedClassifier(card, model, device)


def _card(content: Any, where: str) -> ClassifierCard:
    """The description that JSON gives; `InputError` for fields that make no classifier."""
    if isinstance(content, dict):
        content = {"least_map": _FORMER_LEAST_MAP, **content}
    card = check_fields(ClassifierCard, content, where, _REMEDY)
    for name in ("image_size", "least_map"):
        if (value := getattr(card, name)) < 1:
            raise InputError(f"{where} has {value} as '{name}': at least 1 is needed; {_REMEDY}")
    if not len(card.prompts) == len(card.classes) == len(set(card.classes)) > 1:
        raise InputError(f"{where} lacks classes, prompts, or has a class twice; {_REMEDY}")
    return card


def _check_values(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Raise `DamagedFileError` for a weight that is not finite, or no such number as it should be.

    Names and shapes are left to `load_state_dict`, which would convert any numbers.
    """
    for name, expected in model.state_dict().items():
        found = tensors.get(name)
        if found is None:
            continue
        if found.is_floating_point() != expected.is_floating_point():
            raise DamagedFileError(f"{name} is {found.dtype}, not {expected.dtype}")
        if not bool(found.isfinite().all()):
            raise DamagedFileError(f"{name} is not finite")
