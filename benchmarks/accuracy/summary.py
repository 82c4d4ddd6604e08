"""Accuracies over several seeds."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from .runs import Accuracy


def summarize(accuracies: Mapping[int, float]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds, with each seed's accuracy."""
    values = list(accuracies.values())
    return {
        "mean_accuracy": mean(values),
        "deviation": stdev(values) if len(values) > 1 else None,
        "by_seed": dict(accuracies),
    }


def summarize_both(by_seed: Mapping[int, Accuracy]) -> dict[str, Any]:
    """The same on the test set and on held-out images."""
    return {
        "test": summarize({seed: accuracy.test for seed, accuracy in by_seed.items()}),
        "held_out": summarize({seed: accuracy.held_out for seed, accuracy in by_seed.items()}),
    }
