"""Temperature, and scores to reject images by, as functions of a classifier's logits.

What is summed is summed in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...base.errors import InputError, unknown

SCORES = ("softmax", "energy")
"""What an image can be rejected by: the largest probability (Hendrycks and Gimpel, ICLR 2017) or
the negated energy of the logits (Liu et al., NeurIPS 2020); both are high for what is known."""

MOST_TEMPERATURE = 100.0
"""Temperatures are sought between this and its inverse."""

_HALVINGS = 60


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature T at which softmax(logits / T) has the least cross-entropy with `targets`.

    Guo et al., "On calibration of modern neural networks", ICML 2017. The loss is convex in 1 / T,
    so halving an interval finds where its slope is zero. The result is within `MOST_TEMPERATURE`
    and its inverse, at an end where the loss falls for ever, as for logits that are always right.

    Args:
        logits: float `[N, K]`.
        targets: float `[N, K]`, probabilities of each class: one-hot rows or others.

    Raises `InputError` for no images and for logits that are not finite.
    """
    check_logits(logits)
    scores, wanted = logits.double(), targets.double()
    reached = (scores * wanted).sum()
    low, high = -math.log(MOST_TEMPERATURE), math.log(MOST_TEMPERATURE)  # of log(1 / T)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = ((scores * math.exp(middle)).softmax(1) * scores).sum()
        low, high = (middle, high) if expected < reached else (low, middle)
    return math.exp(-(low + high) / 2)


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """softmax(logits / temperature), float32 `[N, K]`."""
    return (logits.float() / temperature).softmax(1)


def reject_scores(kind: str, logits: Tensor, temperature: float) -> Tensor:
    """The score of `SCORES`, float32 `[N]`, of logits `[N, K]`; low for what is to be rejected.

    The largest probability is that at `temperature`; the energy is taken at temperature 1, as its
    authors do. Raises `InputError` for another score.
    """
    if kind == "softmax":
        return probabilities(logits, temperature).amax(1)
    if kind == "energy":
        return logits.float().logsumexp(1)
    raise unknown("score to reject by", kind, SCORES)


def keeping_threshold(scores: Tensor, keep: float) -> float:
    """The highest of `scores` `[N]` that at least a share `keep`, in (0, 1], of them reach."""
    rejected = math.floor((1 - keep) * len(scores) + 1e-9)  # 0.05 of 100 is 5, not 4.99...
    return float(scores.sort().values[min(rejected, len(scores) - 1)])


def auroc(inside: Tensor, outside: Tensor) -> float:
    """How likely a score of `inside` is above one of `outside`, ties counting half (ROC area)."""
    below = outside.sort().values
    sides = [torch.searchsorted(below, inside, right=right).double() for right in (False, True)]
    return float((sides[0] + sides[1]).mean()) / 2 / len(outside)


def check_logits(logits: Tensor) -> None:
    """Raise `InputError` for no logits and for some that are not finite."""
    if not len(logits):
        raise InputError("there are no images to calibrate on: give at least 1")
    if not bool(logits.isfinite().all()):
        raise InputError("the classifier's outputs are not finite: train it again")
