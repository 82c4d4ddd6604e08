"""What a deployment came to, as table, card and `deploy.json` tell it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...export.classifier.description import Description
from ...export.classifier.gate import Comparison, agreement
from ...export.classifier.int8 import Calibration
from ...export.classifier.plans import PlanFigures
from ...export.classifier.timing import Speed
from ...train.classifier.bounds import accuracy_interval


@dataclass(frozen=True)
class FileFigures:
    """A file that was written, and what checking it gave."""

    target: str
    name: str
    bytes: int
    comparisons: tuple[Comparison, ...]
    """With PyTorch, on images that nothing was chosen by."""
    speeds: tuple[Speed, ...] = ()
    """On pictures of the classifier's own size."""
    quantised_share: float | None = None
    """Of convolutions and matrix products; None of a file that is in floats."""
    calibrations: tuple[Calibration, ...] = ()
    """The ways of finding ranges that were tried, the chosen one first."""
    plan: PlanFigures | None = None
    """Of a plan, which was not run here, and has no comparisons and speeds of its own."""

    @property
    def agreement(self) -> float | None:
        """The share of all images that get PyTorch's class; None of a file that was not run."""
        return agreement(self.comparisons) if self.comparisons else None

    @property
    def largest_difference(self) -> float | None:
        """Of any probability from PyTorch's; None of a file that was not run."""
        return max((one.largest_difference for one in self.comparisons), default=None)

    @property
    def accuracy(self) -> float | None:
        """On the real images, where there were any and the file was run."""
        return None if self._real is None else self._real.accuracy

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the accuracy."""
        if self._real is None or self._real.accuracy is None:
            return None
        images = self._real.images
        return accuracy_interval(round(self._real.accuracy * images), images)

    @property
    def _real(self) -> Comparison | None:
        return next((one for one in self.comparisons if one.accuracy is not None), None)


@dataclass(frozen=True)
class Deployment:
    """A folder of files for other machines."""

    folder: Path
    description: Description
    size: str
    """`any` or `fixed`."""
    accuracy: float | None
    """Of PyTorch's classifier on the real images that the files were checked on."""
    calibration_images: str
    """`generated` or `distilled`: what found the ranges of numbers in 8 bits."""
    device: str
    """What speeds were measured on."""
    files: tuple[FileFigures, ...]

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON; differences that are no number do not get here."""
        content = asdict(self)
        del content["folder"]
        for one, file in zip(content["files"], self.files, strict=True):
            one["agreement"], one["accuracy"] = file.agreement, file.accuracy
            one["is_run"] = file.plan is None
            if file.plan is not None:
                one["plan"]["graph_agreement"] = file.plan.graph_agreement
            one["interval"] = file.interval
        return content
