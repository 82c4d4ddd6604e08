"""A trained classifier on disk: safetensors, and beside it what is needed to build it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.files import write_atomically
from .create import create_classifier, to_channels_last
from .evaluate import predict

WEIGHTS = "classifier.safetensors"
DESCRIPTION = "classifier.json"


@dataclass(frozen=True)
class ClassifierCard:
    """All that, with the weights, makes a classifier usable again."""

    classifier: str
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    image_size: int


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier loaded from a run, in eval mode."""

    card: ClassifierCard
    model: nn.Module
    device: torch.device

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities, float32 `[N, K]`, of uint8 images `[N, S, S, 3]`."""
        return predict(self.model, images, self.device, self.card.image_size)


def save_classifier(folder: Path, model: nn.Module, card: ClassifierCard) -> None:
    """Write weights and description into `folder`, each atomically."""
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(tensors))
    write_atomically(folder / DESCRIPTION, json.dumps(asdict(card), indent=2).encode() + b"\n")


def load_classifier(folder: Path, device: torch.device) -> SavedClassifier:
    """Load what `save_classifier` wrote; `InputError` names a missing or damaged file."""
    for name in (DESCRIPTION, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(
                f"run folder {str(folder)!r} has no {name}: give the folder of a finished run"
            )
    try:
        fields = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        card = ClassifierCard(
            fields["classifier"],
            tuple(fields["classes"]),
            tuple(fields["prompts"]),
            fields["image_size"],
        )
        model = create_classifier(card.classifier, len(card.classes), card.image_size)
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the classifier in {str(folder)!r} cannot be loaded ({reason}): train it again"
        ) from None
    to_channels_last(model, device).eval().requires_grad_(False)
    return SavedClassifier(card, model, device)
