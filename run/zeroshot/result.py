"""What a classification without training came to."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import InputError, describe_environment
from ...base.files import write_atomically
from ...base.settings import plain
from ...train.classifier.evaluate import Evaluation
from ..report.summary import TestFigures, test_content, test_figures
from .approach import Found
from .settings import ZeroshotSettings


@dataclass(frozen=True)
class ZeroshotResult:
    """The classes of labelled images, and what finding them took."""

    settings: ZeroshotSettings
    device: torch.device
    source: str
    classes: tuple[str, ...]
    planned: int
    """How many images were to be classified; an interruption leaves fewer."""
    indices: list[int]
    """Of the images that were classified, in the data."""
    labels: Tensor
    """int64 `[N]`: their true classes."""
    found: Found
    seconds: float
    """What classifying took, without loading."""

    @property
    def test(self) -> TestFigures:
        """Accuracy, overall and of each class."""
        count = len(self.classes)
        cells = self.labels * count + self.found.labels
        confusion = torch.bincount(cells, minlength=count**2).view(count, count)
        return test_figures(Evaluation(confusion), self.source, self.classes)

    @property
    def images(self) -> int:
        """How many images were classified."""
        return len(self.indices)

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def sentence(self) -> str:
        """What it took, for people."""
        return f"{self.found.sentence(self.seconds)}, {self.images_per_second:.2f} images/s"

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        rows = zip(
            self.indices,
            self.labels.tolist(),
            self.found.labels.tolist(),
            self.found.rows(),
            strict=True,
        )
        return {
            "command": shlex.join(["zeroreal", *sys.argv[1:]]),
            "settings": plain(self.settings),
            "classes": list(self.classes),
            "templates": list(self.settings.templates),
            "planned": self.planned,
            "test": test_content(self.test),
            **self.found.content(self.seconds),
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
            "environment": describe_environment(self.device),
            "predictions": [
                {"image": index, "label": label, "predicted": predicted, **row}
                for index, label, predicted, row in rows
            ],
        }

    def write(self, path: Path) -> None:
        """Write `content` as JSON."""
        text = json.dumps(self.content(), ensure_ascii=False, allow_nan=False)
        write_atomically(path, text.encode() + b"\n")


def check_out(path: Path) -> None:
    """Raise `InputError` unless a result can be written to `path`."""
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"the result cannot be written to {str(path)!r}: name a file in a folder")
