"""How many images each cluster gives: more of those that are spread out and apart from others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .clusters import Clusters

_NEIGHBOURS = 20
_TEMPERATURE = 0.5
_HALVINGS = 200  # past the last bit of a float64


def complexities(found: Clusters) -> Tensor:
    """The complexity of each cluster, float64 `[K]` (arXiv 2401.04578): d_intra times d_inter.

    d_intra is the mean distance, 1 minus the cosine, of its vectors from its centroid, d_inter that
    of its centroid from the 20 nearest others, or as many as there are. 0 of an empty cluster.
    """
    sizes = found.assignment.bincount(minlength=len(found.centroids))
    sums = torch.zeros(len(sizes), dtype=torch.float64)
    sums.index_add_(0, found.assignment, 1 - found.cosines)
    complexity = torch.zeros_like(sums)
    some = sizes.nonzero()[:, 0]
    if len(some) > 1:
        apart = 1 - found.centroids[some] @ found.centroids[some].T
        apart.fill_diagonal_(math.inf)
        nearest = apart.sort(1).values[:, : min(_NEIGHBOURS, len(some) - 1)]
        complexity[some] = sums[some] / sizes[some] * nearest.mean(1)
    return complexity.clamp(min=0)  # which rounding can leave it below


def quotas(complexity: Tensor, sizes: Tensor, keep: int) -> Tensor:
    """How many of each cluster's images to keep, int64 `[K]`: `keep` in all.

    The shares that a softmax of the complexities gives them, of temperature 0.5 as in the published
    code of arXiv 2401.04578, moved by as little as it takes, in squares, for each to give at least
    one image, where that many are kept, and no more than it has.
    """
    least = (sizes > 0).long() if keep >= int((sizes > 0).sum()) else torch.zeros_like(sizes)
    logits = (complexity / _TEMPERATURE).masked_fill(sizes == 0, -math.inf)
    wanted = _between(logits.softmax(0) * keep, least, sizes, keep)
    whole = (wanted + 1e-9).floor()
    rest = keep - int(whole.sum())
    # Where parts are equal, the first cluster comes first.
    by_part = (wanted - whole).masked_fill(whole >= sizes, -math.inf)
    whole[by_part.sort(descending=True, stable=True).indices[:rest]] += 1
    return whole.long()


def _between(wanted: Tensor, least: Tensor, most: Tensor, total: int) -> Tensor:
    """What is nearest to `wanted` of all between `least` and `most` with the sum `total`.

    The paper's quadratic programme: its solution adds the same to all, cut at the bounds, as its
    conditions of optimality (Karush, Kuhn and Tucker) say; the sum grows with what is added.
    """
    low, high = -float(wanted.max()) - 1, float(most.max()) + 1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float((wanted + middle).clamp(least, most).sum()) < total:
            low = middle
        else:
            high = middle
    return (wanted + high).clamp(least, most)
