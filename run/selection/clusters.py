"""Clusters of unit vectors: spherical k-means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_MOST_ROUNDS = 100


@dataclass(frozen=True)
class Clusters:
    """What vectors were sorted into."""

    centroids: Tensor
    """Unit vectors, float64 `[K, D]`."""
    assignment: Tensor
    """The cluster of each vector, int64 `[N]`; of a cluster there may be none."""
    cosines: Tensor
    """Of each vector with the centroid of its cluster, float64 `[N]`."""


def spherical_k_means(vectors: Tensor, clusters: int, random: np.random.Generator) -> Clusters:
    """Sort unit vectors `[N, D]` into clusters by their cosines, from centroids of k-means++.

    Each round gives a vector to the centroid that it is most like, and makes a centroid the
    direction of its vectors' sum, until nothing changes (Dhillon and Modha 2001,
    doi 10.1023/A:1007612920971; k-means++ as Arthur and Vassilvitskii 2007 have it). Everything is
    float64 on the CPU, so that devices and threads hardly matter.
    """
    vectors = F.normalize(vectors.double().cpu(), dim=1)
    centroids = vectors[_first(vectors, clusters, random)]
    before = torch.full((len(vectors),), -1)
    for _ in range(_MOST_ROUNDS):
        cosines, assignment = (vectors @ centroids.T).max(1)
        if torch.equal(assignment, before):
            break
        before = assignment
        sums = torch.zeros_like(centroids).index_add_(0, assignment, vectors)
        has_any = assignment.bincount(minlength=clusters)[:, None] > 0
        centroids = torch.where(has_any, F.normalize(sums, dim=1), centroids)
    cosines, assignment = (vectors @ centroids.T).max(1)
    return Clusters(centroids, assignment, cosines)


def _first(vectors: Tensor, clusters: int, random: np.random.Generator) -> list[int]:
    """The rows that k-means++ begins with: each is drawn by its distance from those before."""
    rows = [int(random.random() * len(vectors))]
    apart = _squared(vectors, rows[0])
    for _ in range(1, clusters):
        ends = apart.cumsum(0)
        drawn = torch.tensor(random.random() * float(ends[-1]), dtype=ends.dtype)
        rows.append(min(int(torch.searchsorted(ends, drawn, right=True)), len(vectors) - 1))
        apart = torch.minimum(apart, _squared(vectors, rows[-1]))
    return rows


def _squared(vectors: Tensor, row: int) -> Tensor:
    """The squared distances `[N]` of all vectors from that of a row: 0 of itself, exactly."""
    return (vectors - vectors[row]).square().sum(1)
