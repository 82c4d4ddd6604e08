"""How far decisions are right, and how far off their mistakes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ...train.classifier.bounds import accuracy_interval

if TYPE_CHECKING:
    from .metric import LabelMetric  # brings the encoders


@dataclass(frozen=True)
class DistanceFigures:
    """How far decisions are from the truth by a label metric."""

    mean_squared: float
    """Mean squared distance to the true class, 0 where it is right: what the label metric decides
    by (arXiv 2307.12226)."""
    mean: float
    """Mean distance to the true class, 0 where it is right."""
    mistake_severity: float | None
    """Mean distance to the true class over the mistakes alone; None without one. Bertinetto et al.
    (CVPR 2020) call the same so with the height of the lowest common ancestor as the distance."""
    sibling_mistakes: float | None
    """The share of the mistakes that are right below the same name as the true class; None without
    one, and where the metric is no tree."""
    levels: tuple[float, ...] | None = None
    """The accuracy at each level of the tree, from its top: the share of the images whose label is,
    or lies below, the same name there as the true class. The last is the accuracy. None where the
    metric is no tree."""


@dataclass(frozen=True)
class StepFigures:
    """What a test comes to where decisions are made up to this step."""

    step: str
    accuracy: float
    interval: tuple[float, float]
    """95 % interval of the accuracy."""
    distances: DistanceFigures | None
    """None without a label metric."""


@dataclass(frozen=True)
class DecidingFigures:
    """A test of decisions by something else than the likeliest class of each image by itself."""

    steps: tuple[StepFigures, ...]
    """The likeliest class first, then with each step in addition; the last is what was decided."""
    label_metric: str | None
    note: str
    """What the decisions rest on, in a sentence."""


def step_figures(
    step: str, decided: Tensor, truth: Tensor, metric: LabelMetric | None
) -> StepFigures:
    """The figures of labels, int64 `[N]`, that were decided on, against the true ones."""
    right = int((decided == truth).sum())
    return StepFigures(
        step,
        right / len(truth),
        accuracy_interval(right, len(truth)),
        None if metric is None else distance_figures(decided, truth, metric),
    )


def distance_figures(decided: Tensor, truth: Tensor, metric: LabelMetric) -> DistanceFigures:
    """Distances of labels, int64 `[N]`, that were decided on, to the true ones."""
    distances, wrong = metric.between(decided, truth), decided != truth
    siblings = metric.are_siblings(decided, truth)
    agreement = metric.agreement(decided, truth)
    has_mistakes = bool(wrong.any())
    return DistanceFigures(
        distances.square().mean().item(),
        distances.mean().item(),
        distances[wrong].mean().item() if has_mistakes else None,
        siblings[wrong].double().mean().item() if has_mistakes and siblings is not None else None,
        None if agreement is None else tuple(agreement.double().mean(0).tolist()),
    )
