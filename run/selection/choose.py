"""Which images of each class to keep, by their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...base.errors import InputError
from .clusters import Clusters, spherical_k_means
from .quotas import complexities, quotas
from .settings import SelectionSettings


def check_counts(counts: Sequence[int], names: Sequence[str], settings: SelectionSettings) -> None:
    """Raise `InputError` where a class has too few of its `counts` images to select from."""
    for name, count in zip(names, counts, strict=True):
        if 0 < count < settings.clusters:
            raise InputError(
                f"select is {settings.select!r}, and class {name!r} has {count} images: ask for "
                f"{count} clusters at most, or give it more images"
            )
        if count and not kept_of(count, settings):
            raise InputError(
                f"keep is {settings.share}, which leaves none of the {count} images of class "
                f"{name!r}: keep more, or give it more images"
            )


def kept_of(count: int, settings: SelectionSettings) -> int:
    """How many of a class's `count` images are kept."""
    return round(settings.share * count)


def chosen(
    vectors: Tensor, labels: Tensor, names: Sequence[str], settings: SelectionSettings, seed: int
) -> Tensor:
    """The rows to keep, int64 in order, of unit vectors `[N, D]` with labels int64 `[N]`.

    The rows are to be in the order of the samples: then batches do not matter. Raises `InputError`
    where a class has fewer images than clusters.
    """
    vectors, labels = vectors.cpu(), labels.cpu()
    check_counts(labels.bincount(minlength=len(names)).tolist(), names, settings)
    kept = []
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero()[:, 0]
        random = np.random.default_rng([seed, label])
        found = spherical_k_means(vectors[rows], settings.clusters, random)
        kept.append(rows[_of_class(found, kept_of(len(rows), settings))])
    return torch.cat(kept).sort().values


def _of_class(found: Clusters, keep: int) -> Tensor:
    """Which vectors of a class to keep: of each cluster its quota, farthest from its centroid.

    Those are the hardest, which the paper keeps, too, as it prunes what is most prototypical (as do
    Sorscher et al., arXiv 2206.14486, where images are many).
    """
    sizes = found.assignment.bincount(minlength=len(found.centroids))
    wanted = quotas(complexities(found), sizes, keep)
    farthest_first = found.cosines.sort(stable=True).indices
    clusters = found.assignment[farthest_first]
    parts = [farthest_first[clusters == k][:quota] for k, quota in enumerate(wanted.tolist())]
    return torch.cat(parts)
