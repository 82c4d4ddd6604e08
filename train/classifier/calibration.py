"""Temperature, and scores to reject images by, as functions of a classifier's logits.

What is summed is summed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base.errors import InputError, unknown

SCORES = ("softmax", "energy", "ranks")
"""What an image can be rejected by: the largest probability (Hendrycks and Gimpel, ICLR 2017), the
negated energy of the logits (Liu et al., NeurIPS 2020), or the logits in order of size, weighed by
`fit_rank_weights`. All are high for what is known."""

MOST_RANKS = 10
"""So many of the largest logits are weighed at most."""

MOST_TEMPERATURE = 100.0
"""Temperatures are sought between this and its inverse."""

_HALVINGS = 60
_RIDGE = 0.1  # on weights of ranks of deviation 1
_ITERATIONS = 200


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


def fit_rank_weights(inside: Tensor, outside: Sequence[Tensor]) -> tuple[float, ...]:
    """Weights of the logits in order of size, the largest first, that tell what is off the classes.

    Logistic regression, with a ridge, of images of the classes against others; a combination of
    scores is fitted so in Lee et al., "A simple unified framework for detecting out-of-distribution
    samples", NeurIPS 2018. In order of size no class counts for more than another.

    Args:
        inside: logits of images of the classes, float `[N, K]`.
        outside: logits of each kind of images that are off them; kinds count alike.
    """
    for logits in (inside, *outside):
        check_logits(logits)
    rows = _ranks(torch.cat([inside, *outside])).double()
    truth = torch.zeros(len(rows), dtype=torch.double)
    truth[: len(inside)] = 1
    shares = [torch.full((len(one),), 0.5 / len(one) / len(outside)).double() for one in outside]
    shares.insert(0, torch.full((len(inside),), 0.5 / len(inside)).double())
    deviation, mean = torch.std_mean(rows, 0)
    rows = (rows - mean) / deviation.clamp(min=1e-6)
    weights = torch.zeros(rows.shape[1] + 1, dtype=torch.double, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        scores = rows @ weights[:-1] + weights[-1]
        losses = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
        total = losses @ torch.cat(shares) + _RIDGE * weights[:-1].square().sum()
        total.backward()
        return total

    search.step(loss)
    return tuple((weights.detach()[:-1] / deviation.clamp(min=1e-6)).tolist())


def reject_scores(
    kind: str, logits: Tensor, temperature: float, rank_weights: Sequence[float] = ()
) -> Tensor:
    """The score of `SCORES`, float32 `[N]`, of logits `[N, K]`; low for what is to be rejected.

    The largest probability is that at `temperature`; the energy is taken at temperature 1, as its
    authors do. Raises `InputError` for another score.
    """
    if kind == "softmax":
        return probabilities(logits, temperature).amax(1)
    if kind == "energy":
        return logits.float().logsumexp(1)
    if kind == "ranks":
        ranks = _ranks(logits)
        if len(rank_weights) != ranks.shape[1]:
            raise InputError(
                f"{len(rank_weights)} weights of ranks were given, and {ranks.shape[1]} logits "
                "have one each: calibrate the classifier again"
            )
        return ranks @ torch.tensor(rank_weights, dtype=torch.float32)
    raise unknown("score to reject by", kind, SCORES)


def keeping_threshold(scores: Tensor, keep: float) -> float:
    """The highest of `scores` `[N]` that at least a share `keep`, in (0, 1], of them reach."""
    rejected = math.floor((1 - keep) * len(scores) + 1e-9)  # 0.05 of 100 is 5, not 4.99...
    return float(scores.sort().values[min(rejected, len(scores) - 1)])


def auroc(inside: Tensor, outside: Tensor) -> float:
    """How likely a score of `inside` is above one of `outside`, ties counting half (ROC area)."""
    below, given = outside.sort().values, inside.contiguous()
    sides = [torch.searchsorted(below, given, right=right).double() for right in (False, True)]
    return float((sides[0] + sides[1]).mean()) / 2 / len(outside)


def _ranks(logits: Tensor) -> Tensor:
    """The largest logits in order, float32 `[N, M]`."""
    return logits.float().topk(min(MOST_RANKS, logits.shape[1])).values


def check_logits(logits: Tensor) -> None:
    """Raise `InputError` for no logits and for some that are not finite."""
    if not len(logits):
        raise InputError("there are no images to calibrate on: give at least 1")
    if not bool(logits.isfinite().all()):
        raise InputError("the classifier's outputs are not finite: train it again")
