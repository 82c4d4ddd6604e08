"""What an audit finds of each candidate, and how candidates rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from ...encoders import Nearness, RealVectors
from ...train.classifier.bounds import bounds_of_choice
from .agreement import Agreement, Suspicion


@dataclass(frozen=True)
class EqualTime:
    """A candidate's images in the time in which the quickest one makes all of its."""

    images: int
    coverage: float
    """Of real images by these."""


@dataclass(frozen=True)
class CandidateFigures:
    """What is known of a candidate."""

    name: str
    images: int
    planned: int
    """How many images were asked for; blank ones are left out."""
    images_per_second: float | None
    """Generated; None of a dataset, which was there already."""
    agreement: Agreement
    vendi: float
    """The mean over the classes of how many different images theirs come to."""
    nearness: Nearness | None
    """To real images; None without any."""
    equal_time: EqualTime | None
    """What candidates are ranked by; None without real images, and of a dataset."""
    accuracies: tuple[float, ...]
    """Of a classifier on the validation images, for each training seed."""
    suspicions: tuple[Suspicion, ...]
    accuracy_bound: float | None = None
    """What the mean accuracy is at least, with 95 % for all candidates together; None where nothing
    was trained."""

    @property
    def accuracy(self) -> float | None:
        """The mean over the training seeds; None where nothing was trained."""
        return fmean(self.accuracies) if self.accuracies else None


def ranked(
    figures: Sequence[CandidateFigures],
    vectors: Sequence[Tensor],
    real: RealVectors | None,
    least: int,
) -> tuple[CandidateFigures, ...]:
    """The candidates by coverage in equal time, the best first; those without it as they were.

    A candidate that makes twice as many images a second has twice as many to cover with. `vectors`
    are of their images, `[N, D]` in the order of their plans; of `least` images at least, coverage
    can be told.
    """
    rates = [one.images_per_second for one in figures]
    times = [one.images / rate for one, rate in zip(figures, rates, strict=True) if rate]
    found = []
    for one, part, rate in zip(figures, vectors, rates, strict=True):
        if real is not None and rate is not None:
            images = min(max(int(rate * min(times)), least), one.images)
            covered = real.nearness(part[:images]).coverage
            one = replace(one, equal_time=EqualTime(images, covered))
        found.append(one)
    return tuple(sorted(found, key=lambda one: -one.equal_time.coverage if one.equal_time else 1))


def bounded(
    figures: Sequence[CandidateFigures], validation_images: int
) -> tuple[CandidateFigures, ...]:
    """The candidates with bounds of their accuracies, as `bounds_of_choice` gives them."""
    trained = [one.accuracies for one in figures if one.accuracies]
    if not trained:
        return tuple(figures)
    bounds = iter(bounds_of_choice(trained, validation_images))
    return tuple(
        replace(one, accuracy_bound=next(bounds)) if one.accuracies else one for one in figures
    )


def recommended(figures: Sequence[CandidateFigures]) -> CandidateFigures | None:
    """The first that has a rank and no class that seems to be another."""
    for one in figures:
        if one.equal_time is not None and not one.suspicions:
            return one
    return None


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's, with equal values at their mean rank; None of fewer than three, or all equal."""
    if len(first) < 3:
        return None
    ranks = torch.stack([_ranks(first), _ranks(second)])
    if bool((ranks.std(1) == 0).any()):
        return None
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Sequence[float]) -> Tensor:
    """Of each value, half of how many are less, less how many are more: float64 `[N]`."""
    one = torch.tensor(values, dtype=torch.float64)
    return (one[:, None] - one[None]).sign().sum(1) / 2
