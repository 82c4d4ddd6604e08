"""What a count of right answers says of an accuracy: bounds that hold however few images there are.

They suppose that images are drawn independently of each other and of how the classifier was made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import torch

RISK = 0.05
"""How likely a bound may be wrong."""

_HALVINGS = 50


def accuracy_interval(correct: int, count: int) -> tuple[float, float]:
    """95 % interval of an accuracy, exact: it holds the true one at least so often.

    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26, 1934.
    """
    high = 1 - lower_bound(count - correct, count, RISK / 2)
    return lower_bound(correct, count, RISK / 2), high


def lower_bound(correct: int, count: int, risk: float) -> float:
    """The accuracy by which `correct` or more of `count` are right with the probability `risk`.

    A higher one is the true one but for that probability; `risk` is at most 0.5.
    """
    if correct == 0:
        return 0.0
    numbers = torch.arange(correct, count + 1, dtype=torch.float64)
    ways = math.lgamma(count + 1) - (numbers + 1).lgamma() - (count - numbers + 1).lgamma()
    right, logs = numbers.numpy(), ways.numpy()  # whose operations take less time to begin
    low, high = 0.0, correct / count
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        terms = logs + right * math.log(middle) + (count - right) * math.log1p(-middle)
        low, high = (middle, high) if np.exp(terms).sum() < risk else (low, middle)
    return low


def bounds_of_choice(accuracies: Sequence[Sequence[float]], count: int) -> list[float]:
    """What the mean accuracy of each of P candidates is at least, with 95 % for all P together.

    So it holds for the one that is chosen by the same images, however it is: each of the M
    classifiers has the bound of risk 0.05 / M, by the union of the risks (the Occam's razor bound
    with equal weights, Langford, "Tutorial on practical prediction theory for classification",
    JMLR 6, 2005). Candidates have to be fixed before the images are looked at.

    Args:
        accuracies: of each candidate, those of its classifiers, which the mean is of; M in all.
        count: images that each was tested on.
    """
    risk = RISK / sum(map(len, accuracies))
    return [
        fmean(lower_bound(round(share * count), count, risk) for share in one) for one in accuracies
    ]
