"""Accuracies over several seeds as figures of a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...report.results.metric import Metric
from .runs import Accuracy


def over_seeds(accuracies: Iterable[float]) -> Metric:
    """The accuracy of each seed."""
    return Metric(tuple(accuracies), "1", "higher")


def both(by_seed: Mapping[int, Accuracy], suffix: str = "") -> dict[str, Metric]:
    """Accuracies on the test set and on held-out images; `suffix` goes to the metrics' names."""
    found = {f"accuracy{suffix}": over_seeds(one.test for one in by_seed.values())}
    held_out = [one.held_out for one in by_seed.values() if one.held_out is not None]
    if held_out:
        found[f"held_out_accuracy{suffix}"] = over_seeds(held_out)
    return found
