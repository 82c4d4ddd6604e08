"""Gaussians of classes: their covariance, posteriors and what they refuse."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from zeroreal.base import InputError
from zeroreal.encoders import ClassGaussians
from zeroreal.encoders.gaussians import shrunk_covariance

CLASSES = ("bag", "coat", "dress")


def drawn(count, dimension, seed=0):
    """Unit vectors of three classes, unequally many, that overlap."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4 % 3  # twice as many of the first
    spread = random.normal(size=(dimension, dimension)) / dimension**0.5
    means = random.normal(size=(3, dimension))
    vectors = means[labels] + 2 * random.normal(size=(count, dimension)) @ spread
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, labels


def within(vectors, labels):
    return vectors - np.stack([vectors[labels == k].mean(0) for k in range(3)])[labels]


@pytest.mark.parametrize(("count", "dimension"), [(200, 8), (20, 64)])
def test_the_covariance_is_that_of_scikit_learn(count, dimension):
    covariance = pytest.importorskip("sklearn.covariance")
    centred = within(*drawn(count, dimension))
    expected, share = covariance.ledoit_wolf(centred, assume_centered=True)
    assert 0.01 < share < 0.95
    found, shrinkage = shrunk_covariance(torch.from_numpy(centred))
    assert shrinkage == pytest.approx(share, rel=1e-9)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-14)


def test_posteriors_are_those_of_the_densities():
    vectors, labels = drawn(400, 6)
    shown, _ = drawn(50, 6, seed=1)
    gaussians = ClassGaussians(torch.from_numpy(vectors), torch.from_numpy(labels), CLASSES)
    centred = within(vectors, labels)
    sample = centred.T @ centred / len(centred)
    share = gaussians.shrinkage
    covariance = (1 - share) * sample + share * np.trace(sample) / 6 * np.eye(6)
    # Classes are equally likely, though the first has more images.
    densities = np.stack(
        [multivariate_normal.pdf(shown, vectors[labels == k].mean(0), covariance) for k in range(3)]
    ).T
    expected = densities / densities.sum(1, keepdims=True)
    found = gaussians.logits(torch.from_numpy(shown)).softmax(1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert gaussians.count == 400


def test_many_vectors_are_classified_as_by_scikit_learn():
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    vectors, labels = drawn(4000, 8)
    kept = np.concatenate([np.flatnonzero(labels == k)[:1000] for k in range(3)])
    vectors, labels = vectors[kept], labels[kept]  # as many of each: theirs takes them for likelier
    shown, _ = drawn(300, 8, seed=1)
    gaussians = ClassGaussians(torch.from_numpy(vectors), torch.from_numpy(labels), CLASSES)
    lda = analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=gaussians.shrinkage)
    expected = lda.fit(vectors, labels).predict_proba(shown)
    found = gaussians.logits(torch.from_numpy(shown)).softmax(1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-6)


def test_vectors_are_drawn_of_each_class_s_gaussian_by_the_seed():
    vectors, labels = drawn(400, 4)
    gaussians = ClassGaussians(torch.from_numpy(vectors), torch.from_numpy(labels), CLASSES)
    means = np.stack([vectors[labels == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(gaussians.means.numpy(), means, rtol=1e-9)
    found, classes = gaussians.drawn(20_000, seed=5)
    assert found.dtype == torch.float32
    assert classes.tolist() == [0] * 20_000 + [1] * 20_000 + [2] * 20_000
    centred = within(vectors, labels)
    sample, share = centred.T @ centred / 400, gaussians.shrinkage
    covariance = (1 - share) * sample + share * np.trace(sample) / 4 * np.eye(4)
    for own, mean in zip(found.view(3, -1, 4).double().numpy(), means, strict=True):
        spread = np.diag(covariance) ** 0.5
        np.testing.assert_array_less(abs(own.mean(0) - mean), 4 * spread / 20_000**0.5)
        np.testing.assert_allclose(np.cov(own.T), covariance, atol=0.04 * covariance.max())
    again, _ = gaussians.drawn(20_000, seed=5)
    other, _ = gaussians.drawn(20_000, seed=6)
    assert torch.equal(found, again)
    assert not torch.equal(found, other)


def test_vectors_in_a_line_can_be_told_apart():
    # All outer products are the same: nothing is to be shrunk, and nothing to be inverted.
    vectors = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    gaussians = ClassGaussians(vectors, torch.tensor([0, 0, 1, 1]), ("bag", "coat"))
    assert gaussians.logits(torch.tensor([[0.5, 3.0], [-0.5, 3.0]])).argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("vectors", "labels", "complaint"),
    [
        (torch.eye(4), [0, 0, 2, 2], "class 'coat' has no synthetic image to fit a Gaussian to"),
        (torch.eye(3), [0, 1, 2], "there are 3 synthetic images of 3 classes, which tell no cov"),
        (torch.eye(3).repeat(2, 1), [0, 1, 2, 0, 1, 2], "all synthetic images of a class look"),
    ],
)
def test_images_that_tell_no_spread_are_refused(vectors, labels, complaint):
    with pytest.raises(InputError, match=complaint):
        ClassGaussians(vectors, torch.tensor(labels), CLASSES)
