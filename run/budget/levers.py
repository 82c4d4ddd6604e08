"""What was measured of the levers: how settings change the error, and what they cost."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...base.yaml_files import load_yaml

_TABLE = Path(__file__).with_name("levers.yaml")


@dataclass(frozen=True)
class LeverSetting:
    """One choice of levers beside the baseline, which is the defaults of `GenerateSettings`."""

    name: str
    change: Mapping[str, Any]
    """Fields of `GenerateSettings` that differ from the baseline's."""
    error_ratio: float
    """The classifier's error with as many images, as a multiple of the baseline's."""
    denoise_ratio: float
    """Seconds of denoising an image, as a multiple of the baseline's."""
    decode_ratio: float
    """Seconds of decoding an image, as a multiple of the baseline's."""


@dataclass(frozen=True)
class LeverTable:
    """All settings that were measured, and how the baseline's error falls with more images."""

    settings: tuple[LeverSetting, ...]
    errors: Mapping[int, float]
    """The baseline's share of errors by number of images."""

    def error(self, setting: LeverSetting, images: int) -> float:
        """Predicted share of errors of a classifier trained on `images` images of `setting`.

        The baseline's at that number, a power law between the numbers measured and beyond them,
        times the setting's ratio, which is taken to be the same at all numbers.
        """
        points = sorted(self.errors.items())
        numbers = [number for number, _ in points]
        piece = min(max(bisect_left(numbers, images) - 1, 0), len(points) - 2)
        (few, most), (many, least) = list(pairwise(points))[piece]
        exponent = math.log(least / most) / math.log(many / few)
        error: float = setting.error_ratio * most * (images / few) ** exponent
        return min(1.0, error)


def read_levers(path: Path = _TABLE) -> LeverTable:
    """The table that ships, which `zeroreal.benchmarks.accuracy.levers` wrote."""
    content = load_yaml(path, "table of levers", "install again")
    settings = tuple(
        LeverSetting(
            name=name,
            change={
                field: tuple(value) if isinstance(value, list) else value
                for field, value in row["change"].items()
            },
            error_ratio=row["error_ratio"],
            denoise_ratio=row["denoise_ratio"],
            decode_ratio=row["decode_ratio"],
        )
        for name, row in content["settings"].items()
    )
    return LeverTable(settings, content["baseline_errors"])
