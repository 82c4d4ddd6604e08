"""Probabilities of images that are looked at together: by neighbours, and by balanced classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base import InputError

_POWER = 3
_AT_ONCE = 1024  # images
_TOLERANCE = 1e-6
_ROUNDS = 1000
_LEAST = 1e-12
_BALANCE = 0.01


def neighbour_graph(features: Tensor, neighbours: int) -> Tensor:
    """Weights of images that are near each other, normalised: sparse float64 `[N, N]`.

    An edge joins each image with those of the largest cosines; its weight is the cosine's third
    power (Iscen et al., "Label propagation for deep semi-supervised learning", CVPR 2019), nothing
    where that is negative. Rows and columns are divided by the root of their sums.

    Args:
        features: float `[N, D]`.
        neighbours: how many of the others each image is joined with, at most.
    """
    unit, count = F.normalize(features.double(), dim=1), len(features)
    columns, weights = [], []
    for begin in range(0, count, _AT_ONCE):
        cosines = unit[begin : begin + _AT_ONCE] @ unit.T
        own = torch.arange(len(cosines))
        cosines[own, begin + own] = -torch.inf
        nearest = cosines.topk(min(neighbours, count - 1))
        columns.append(nearest.indices)
        weights.append(nearest.values.clamp_min(0) ** _POWER)
    joined, near = torch.cat(weights), torch.cat(columns)
    rows = torch.arange(count)[:, None].expand_as(near)
    places = torch.stack([rows.flatten(), near.flatten()])
    half = _sparse(places, joined.flatten(), count)
    graph = (half + half.T).coalesce()
    sums = torch.sparse.sum(graph, 1).to_dense()
    roots = sums.rsqrt().where(sums > 0, 0.0)  # of an image that is near none
    first, second = graph.indices()
    values = graph.values() * roots[first] * roots[second]
    return _sparse(graph.indices(), values, count).coalesce()


def _sparse(places: Tensor, values: Tensor, count: int) -> Tensor:
    # Without a word on checks, PyTorch warns that there are none.
    return torch.sparse_coo_tensor(places, values, (count, count), check_invariants=True)


def propagate(graph: Tensor, start: Tensor, alpha: float) -> Tensor:
    """What `start`, float64 `[N, K]`, comes to where each row follows its neighbours.

    Zhou et al., "Learning with local and global consistency", NIPS 2003: the limit of
    F = `alpha` S F + (1 - `alpha`) `start`, where S is `graph` and `alpha` in (0, 1).
    """
    found = start
    for _ in range(_ROUNDS):
        before, found = found, alpha * torch.sparse.mm(graph, found) + (1 - alpha) * start
        if bool((found - before).abs().max() < _TOLERANCE * (1 - alpha)):
            break
    return found


def balance(shares: Tensor) -> Tensor:
    """The probabilities nearest to `shares`, `[N, K]`, by which all classes are equally frequent.

    Nearest by the Kullback-Leibler divergence. Rows and columns are scaled in turn (Sinkhorn and
    Knopp, 1967) until each class's mean is within a hundredth of 1 / K; no entry counts for less
    than 1e-12.

    Raises `InputError` for fewer images than classes, and where no scaling is found.
    """
    count, classes = shares.shape
    if count < classes:
        raise InputError(
            f"balanced classes were assumed, with fewer images, {count}, than classes, {classes}: "
            "give at least one a class, or leave --balanced out"
        )
    found = shares.double().clamp_min(_LEAST)
    for _ in range(_ROUNDS):
        found = found * (count / classes / found.sum(0))
        found = found / found.sum(1, keepdim=True)
        if bool((found.sum(0) * classes / count - 1).abs().max() < _BALANCE):
            return found
    raise InputError(
        f"balanced classes were assumed, and the classifier's answers for these {count} images "
        "cannot be brought to that: leave --balanced out"
    )
