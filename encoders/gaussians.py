"""Classifying by Gaussians of labelled images in an encoder's space, without training a network.

A Gaussian for each class around the mean of its vectors, all with one covariance (linear
discriminant analysis; arXiv 2412.12594 does so with generated images). That is shrunk towards a
multiple of the identity by the share that O. Ledoit and M. Wolf derive ("A well-conditioned
estimator for large-dimensional covariance matrices", 2004), so that fewer images than dimensions
will do. scikit-learn has the share, too, but shrinks each class's covariance by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base.errors import InputError
from .dual_encoder import DualEncoder

_LEAST_SHRINKAGE = 1e-6
"""Without any, vectors that lie in a plane have a covariance that has no inverse."""


class ClassGaussians:
    """Gaussians of classes that are equally likely, with one covariance.

    Args:
        vectors: float `[N, D]`.
        labels: int64 `[N]`, positions in `classes`.
        classes: their names, K of them.

    Attributes:
        count: N.
        means: float64 `[K, D]`.
        shrinkage: how much of the covariance is a multiple of the identity, 0 to 1.

    Raises `InputError` for a class without an image, no more images than classes, and images that
    are all alike within their classes.
    """

    def __init__(self, vectors: Tensor, labels: Tensor, classes: Sequence[str]) -> None:
        vectors, labels = vectors.double(), labels.to(vectors.device)
        self.count = len(vectors)
        counts = torch.bincount(labels, minlength=len(classes))
        _check_enough(counts.tolist(), classes)
        sums = vectors.new_zeros(len(classes), vectors.shape[1]).index_add_(0, labels, vectors)
        self.means = sums / counts[:, None]
        covariance, self.shrinkage = shrunk_covariance(vectors - self.means[labels])
        self._factor = torch.linalg.cholesky(covariance)
        self._weights = torch.cholesky_solve(self.means.T, self._factor)  # [D, K]
        self._bias = -(self.means.T * self._weights).sum(0) / 2  # [K]

    def logits(self, vectors: Tensor) -> Tensor:
        """Log-likelihoods, float32 `[N, K]`, but for a summand that all classes have in common."""
        return (vectors.double() @ self._weights + self._bias).float()

    def drawn(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """`count` vectors of each class, float32 `[K * count, D]`, and their labels, in order.

        They are a function of `seed`, and made and given where the vectors lay.
        """
        device, (classes, dimension) = self.means.device, self.means.shape
        generator = torch.Generator(device).manual_seed(seed)
        vectors = torch.empty(classes, count, dimension, device=device)
        for own, mean in zip(vectors, self.means, strict=True):  # float64 of all may not fit
            noise = torch.randn(
                count, dimension, dtype=torch.float64, device=device, generator=generator
            )
            own.copy_(mean + noise @ self._factor.T)
        labels = torch.arange(classes, device=device).repeat_interleave(count)
        return vectors.flatten(0, 1), labels


def shrunk_covariance(centred: Tensor) -> tuple[Tensor, float]:
    """The covariance of vectors whose mean is 0, float64 `[N, D]`, and its shrinkage.

    Raises `InputError` where all vectors are 0.
    """
    count, dimension = centred.shape
    sample = centred.T @ centred / count
    target = (
        sample.trace() / dimension * torch.eye(dimension, dtype=sample.dtype, device=sample.device)
    )
    apart = (sample - target).square().sum()
    # What single images' outer products differ from their mean by: the error of that mean.
    error = (centred.square().sum(1).square().mean() - sample.square().sum()) / count
    if not target[0, 0] > torch.finfo(torch.float32).eps ** 2:
        raise InputError(
            "all synthetic images of a class look the same to the encoder, so that nothing tells "
            "how classes spread: give images that differ"
        )
    shrinkage = float((error / apart).clamp(_LEAST_SHRINKAGE, 1)) if apart > 0 else 1.0
    return (1 - shrinkage) * sample + shrinkage * target, shrinkage


class GaussianClassifier:
    """Classifies images by the Gaussians of classes.

    Args:
        encoder: what embeds the images.
        gaussians: of vectors of that encoder.
    """

    def __init__(self, encoder: DualEncoder, gaussians: ClassGaussians) -> None:
        self.encoder, self.gaussians = encoder, gaussians

    def logits(self, images: Tensor) -> Tensor:
        """As `ClassGaussians.logits`, of images uint8 `[N, H, W, 3]` on the encoder's device."""
        return self.gaussians.logits(self.encoder.embed_images(images))

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities of the classes, float32 `[N, K]`."""
        return logits.softmax(1)


def _check_enough(counts: Sequence[int], classes: Sequence[str]) -> None:
    for name, count in zip(classes, counts, strict=True):
        if not count:
            raise InputError(
                f"class {name!r} has no synthetic image to fit a Gaussian to: give some of each"
            )
    if sum(counts) <= len(counts):
        raise InputError(
            f"there are {sum(counts)} synthetic images of {len(counts)} classes, which tell no "
            "covariance: give several of each"
        )
