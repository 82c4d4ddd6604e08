"""What judges images: the classifier of a run's folder, or of a file that was deployed of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..base import InputError, resolve_device
from ..base.reading import is_file
from ..export.classifier.deployed import DeployedClassifier, load_deployed
from ..train.classifier.saved import SavedClassifier, load_classifier
from .calibration.file import Calibration, read_calibration

Judged = tuple[Tensor, Sequence[bool | None]]
"""Class probabilities, float32 `[N, K]`, and whether each image seems to be none of the classes;
None where that cannot be told."""


_DEPLOYED = (".onnx", ".xml")


@dataclass(frozen=True)
class Judge:
    """A classifier to predict with."""

    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    """What prompts call the classes, in the same order."""
    image_size: int
    """Side in pixels of the images that it takes."""
    device: torch.device
    """Where it computes; images may lie there, or on the CPU."""
    judge: Callable[[Tensor], Judged]
    """Of uint8 images `[N, image_size, image_size, 3]`."""
    features: Callable[[Tensor], Tensor] | None = None
    """What the classifier's last layer takes, float32 `[N, D]`, of such images; None of a file."""


def load_judge(path: Path, device: str) -> Judge:
    """The classifier of a run's folder, or of a deployed file; `InputError` for anything else."""
    if not names_file(path):
        saved = load_classifier(path, resolve_device(device))
        return judge_of(saved, read_calibration(path))
    suffix = path.suffix.lower()
    if suffix in _DEPLOYED:
        deployed = load_deployed(path, "cpu" if device == "auto" else resolve_device(device).type)
        card = deployed.card
        judge = partial(_of_file, deployed)
        return Judge(card.classes, card.prompts, card.image_size, torch.device("cpu"), judge)
    if suffix == ".pt2":
        raise InputError(
            f"{str(path)!r} is a program of torch.export, and loading one runs whatever it holds: "
            "give the .onnx or .xml file, or the run that it was made from"
        )
    raise InputError(
        f"{str(path)!r} is no run's folder: give one, or an .onnx or .xml file that zeroreal "
        "deploy wrote"
    )


def names_file(path: Path) -> bool:
    """Whether a file is meant, which may be absent, and not a run's folder."""
    is_deployed = path.suffix.lower() in _DEPLOYED and not path.is_dir()
    return is_deployed or is_file(path, "model")


def judge_of(saved: SavedClassifier, calibration: Calibration | None = None) -> Judge:
    """A classifier that was loaded, with its calibration where it has one."""
    card, judge = saved.card, partial(_of_run, saved, calibration)
    return Judge(card.classes, card.prompts, card.image_size, saved.device, judge, saved.features)


def _of_file(deployed: DeployedClassifier, images: Tensor) -> Judged:
    probabilities, rejected = deployed.predict(images)
    return probabilities, [None] * len(images) if rejected is None else rejected.tolist()


def _of_run(saved: SavedClassifier, calibration: Calibration | None, images: Tensor) -> Judged:
    logits = saved.logits(images)
    if calibration is None:
        return logits.softmax(1), [None] * len(logits)
    return calibration.probabilities(logits), calibration.is_rejected(logits).tolist()
