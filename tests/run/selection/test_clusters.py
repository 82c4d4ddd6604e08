"""Spherical k-means: against scikit-learn, and what must not matter."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from zeroreal.run.selection.clusters import _first, spherical_k_means


def blobs(clusters, each, spread, seed=0):
    """Unit vectors around random directions, the blobs in turn, and the blob of each."""
    generator = torch.Generator().manual_seed(seed)
    centres = F.normalize(torch.randn(clusters, 16, generator=generator), dim=1)
    blob = torch.arange(clusters * each) % clusters
    noise = spread * torch.randn(len(blob), 16, generator=generator)
    return F.normalize(centres[blob] + noise, dim=1), blob


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(5))
def test_blobs_are_told_apart_as_scikit_learn_tells_them(seed):
    vectors, blob = blobs(5, 40, 0.03)
    found = spherical_k_means(vectors, 5, random(seed))
    theirs = KMeans(5, n_init=10, random_state=0).fit(vectors.numpy())
    assert adjusted_rand_score(blob, theirs.labels_) == 1
    assert adjusted_rand_score(theirs.labels_, found.assignment) == 1


def test_vectors_without_clusters_are_sorted_as_well_as_by_scikit_learn():
    vectors = F.normalize(torch.randn(400, 8, generator=torch.Generator().manual_seed(3)), dim=1)
    found = spherical_k_means(vectors, 10, random())
    begun = vectors[_first(vectors.double(), 10, random())]
    theirs = KMeans(10, init=begun.numpy(), n_init=1).fit(vectors.numpy())
    sums = torch.zeros(10, 8).index_add_(0, torch.from_numpy(theirs.labels_).long(), vectors)
    # What spherical k-means maximises: the lengths of the clusters' sums.
    assert float(found.cosines.sum()) > 0.99 * float(sums.norm(dim=1).sum())


def test_every_vector_is_in_the_cluster_that_it_is_most_like():
    vectors, _ = blobs(4, 50, 0.6)
    found = spherical_k_means(vectors, 6, random())
    cosines = vectors.double() @ found.centroids.T
    assert torch.equal(cosines.argmax(1), found.assignment)
    for cluster in range(6):
        mean = F.normalize(vectors[found.assignment == cluster].double().sum(0), dim=0)
        assert torch.allclose(mean, found.centroids[cluster])


def test_equal_vectors_are_one_cluster_and_the_others_are_empty():
    found = spherical_k_means(torch.eye(3)[[0] * 6], 3, random())
    assert len(found.assignment.unique()) == 1
    assert found.cosines.tolist() == [1.0] * 6


def test_k_means_begins_with_vectors_of_all_blobs():
    vectors, blob = blobs(3, 30, 0.001)
    firsts = [blob[_first(vectors.double(), 3, random(seed))].tolist() for seed in range(20)]
    assert all(sorted(first) == [0, 1, 2] for first in firsts)
