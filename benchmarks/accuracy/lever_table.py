"""The table of levers by which time budgets are kept, out of what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

import yaml

from .lever_settings import BASELINE, CHANGES, SIMULATED
from .runs import Accuracy

Results = Mapping[str, Mapping[int, Mapping[int, Accuracy]]]
"""By setting, number of images and seed."""

_HEADER = """\
# What levers do to the error of the trained classifier, on held-out images that are not those of
# the test, and what they cost; see LeverTable. Written by `zeroreal bench levers`.
"""


def lever_table(results: Results, speed: Mapping[str, Any], images: int) -> str:
    """YAML of the settings measured with `images` images, their speed, and the baseline's errors.

    Ratios are those to the baseline with the same seed, which begins from the same noise.
    """
    stages = {name: row["stage_seconds"] for name, row in speed["generation"].items()}
    rows = {}
    for name, by_images in results.items():
        if name in SIMULATED or name not in stages or images not in by_images:
            continue
        rows[name] = {
            "change": {
                field: list(value) if isinstance(value, tuple) else value
                for field, value in CHANGES[name].items()
            },
            "error_ratio": _error_ratio(by_images[images], results[BASELINE][images]),
            "denoise_ratio": _rounded(_but_decode(stages[name]) / _but_decode(stages[BASELINE])),
            "decode_ratio": _rounded(stages[name]["decode"] / stages[BASELINE]["decode"]),
        }
    content = {"baseline_errors": _errors(results[BASELINE], images), "settings": rows}
    return _HEADER + yaml.safe_dump(content, sort_keys=False)


def _errors(baseline: Mapping[int, Mapping[int, Accuracy]], images: int) -> dict[int, float]:
    """The baseline's error with every number of images.

    Fewer seeds than with `images` are compared to the same seeds there.
    """
    error = mean(accuracy.held_out_error for accuracy in baseline[images].values())
    return {
        count: _rounded(error * _error_ratio(by_seed, baseline[images]))
        for count, by_seed in sorted(baseline.items())
    }


def _error_ratio(by_seed: Mapping[int, Accuracy], to: Mapping[int, Accuracy]) -> float:
    """Mean of the errors' ratios over the seeds that both have."""
    return _rounded(
        mean(
            by_seed[seed].held_out_error / to[seed].held_out_error for seed in by_seed if seed in to
        )
    )


def _but_decode(stages: Mapping[str, float]) -> float:
    return stages["text"] + stages["denoise"]


def _rounded(value: float) -> float:
    return round(value, 4)
