"""A finished run: its classifier, and what files that are made of it say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from ..base import InputError
from ..base.describe import library_versions
from ..base.digest import file_digest
from ..base.foreign import check_fields
from ..base.reading import is_file, load_json
from ..export.classifier.description import Description
from ..export.classifier.graph import ClassifierGraph
from ..generate import ClassName
from ..train.classifier.calibration import probabilities
from ..train.classifier.saved import WEIGHTS, SavedClassifier, load_classifier
from .calibration.file import Calibration, read_calibration
from .folder import CONFIG
from .report.summary import METRICS

_REMEDY = "restore the run's files, or run it again"


@dataclass(frozen=True)
class FinishedRun:
    """A run's folder and its classifier."""

    folder: Path
    saved: SavedClassifier
    description: Description
    calibration: Calibration | None

    @property
    def classes(self) -> tuple[ClassName, ...]:
        """In label order."""
        card = self.saved.card
        return tuple(map(ClassName, card.classes, card.prompts))

    def graph(self, any_size: bool, dtype: torch.dtype = torch.float32) -> ClassifierGraph:
        """The classifier, computing in `dtype`, with what stands before and after it."""
        return ClassifierGraph(
            self.saved.model,
            self.description.image_size,
            IMAGENET_DEFAULT_MEAN,
            IMAGENET_DEFAULT_STD,
            self.description.temperature,
            any_size,
            None if self.calibration is None else self.calibration.is_rejected,
            dtype,
        ).eval()

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """What its files are compared with: probabilities at its temperature, and rejections.

        Those are float32 `[N, K]` and bool `[N]`, or None where the run is not calibrated.
        """
        logits = self.saved.logits(images)
        rejected = None if self.calibration is None else self.calibration.is_rejected(logits)
        return probabilities(logits, self.description.temperature), rejected


def read_run(folder: Path) -> FinishedRun:
    """The finished run in `folder`; `InputError` where there is none, or one that is damaged."""
    figures = folder / METRICS
    if (folder / CONFIG).exists() and not is_file(figures, "figures"):
        raise InputError(
            f"the run in {str(folder)!r} is not finished: go on with zeroreal run --resume {folder}"
        )
    saved = load_classifier(folder, torch.device("cpu"))
    test, calibration = _test(figures), read_calibration(folder)
    return FinishedRun(
        folder,
        saved,
        Description(
            classes=saved.card.classes,
            prompts=saved.card.prompts,
            image_size=saved.card.image_size,
            accuracy=None if test is None else test.accuracy,
            tested_images=0 if test is None else test.images,
            tested_on=None if test is None else public_name(test.source),
            temperature=calibration.temperature if calibration else 1.0,
            reject_score=calibration.reject_score if calibration else None,
            reject_threshold=calibration.reject_threshold if calibration else None,
            run_digest=file_digest(folder / WEIGHTS),
            zeroreal_version=library_versions(["zeroreal"]).get("zeroreal", "unknown"),
        ),
        calibration,
    )


def public_name(source: str) -> str:
    """What data are called in files for others, whom the folders of this machine do not concern."""
    return Path(source).name or source


@dataclass(frozen=True)
class _Test:
    accuracy: float
    images: int
    source: str


def _test(path: Path) -> _Test | None:
    """The figures of a run's test; None where it had no real images."""
    where = f"figures {str(path)!r}"
    content = load_json(path, "figures", _REMEDY)
    if not isinstance(content, dict) or "test" not in content:
        raise InputError(f"{where} lack 'test': {_REMEDY}")
    return None if content["test"] is None else check_fields(_Test, content["test"], where, _REMEDY)
