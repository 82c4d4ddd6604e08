"""How many different images a set of images comes to."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import Tensor


@torch.inference_mode()
def vendi_score(vectors: Tensor) -> float:
    """The Vendi score (arXiv 2210.02410) of unit vectors `[N, D]` by their cosines.

    The exponential of the entropy of the eigenvalues of K / N: 1 where all are equal, N where no
    two are alike.
    """
    vectors = vectors.double()
    wide = vectors.shape[0] < vectors.shape[1]
    products = vectors @ vectors.T if wide else vectors.T @ vectors  # of the same eigenvalues
    shares = torch.linalg.eigvalsh(products / len(vectors))
    shares = shares[shares > 0]
    return float(torch.exp(-(shares * shares.log()).sum()))


def vendi_within(vectors: Tensor, labels: Tensor) -> float:
    """The mean score over the classes that there are; `labels` are int64 `[N]`."""
    return fmean(vendi_score(vectors[labels == label]) for label in labels.unique())
