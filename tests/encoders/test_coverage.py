"""Precision, recall, density and coverage: against the paper's formulas, and cases made by hand."""

import numpy as np
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.encoders import RealVectors, coverage


def of_the_paper(real, generated, k):
    """The formulas of arXiv 2002.09797 as its authors' package `prdc` 0.2 has them."""

    def distances(first, second):
        return np.sqrt(((first[:, None] - second[None]) ** 2).sum(2))

    def radii(vectors):
        return np.sort(distances(vectors, vectors), axis=1)[:, k]  # the 0th is itself

    between, balls = distances(real, generated), radii(real)
    inside = between < balls[:, None]
    return {
        "precision": inside.any(0).mean(),
        "recall": (between < radii(generated)[None]).any(1).mean(),
        "density": inside.sum(0).mean() / k,
        "coverage": (between.min(1) < balls).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("block", [7, 1024])
def test_all_four_are_those_of_the_paper(k, block, monkeypatch):
    monkeypatch.setattr(coverage, "_BLOCK", block)
    draw = np.random.default_rng(k)
    real, generated = draw.normal(size=(60, 4)), 0.7 * draw.normal(size=(45, 4)) + 0.3
    found = RealVectors(torch.tensor(real, dtype=torch.float32), k)
    near = found.nearness(torch.tensor(generated, dtype=torch.float32))
    expected = of_the_paper(real, generated, k)
    assert 0.1 < expected["coverage"] < 0.9
    assert {name: getattr(near, name) for name in expected} == pytest.approx(expected)


def test_a_case_by_hand():
    """Real images at 0, 1, 2 and 10 on a line, generated ones near 1 and beyond all of them."""
    real = RealVectors(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 1)
    near = real.nearness(torch.tensor([[0.9], [1.1], [50.0]]))
    assert near.coverage == 3 / 4  # balls of 1, 1, 1 and 8, the last without an image
    assert near.density == pytest.approx((2 + 2 + 0) / 3)
    assert near.precision == pytest.approx(2 / 3)
    assert near.recall == 3 / 4  # the far one's ball, of 48.9, reaches to 2


def test_copies_of_the_real_images_cover_them_all():
    vectors = torch.nn.functional.normalize(torch.randn(40, 8, generator=torch.manual_seed(0)))
    near = RealVectors(vectors).nearness(vectors)
    assert (near.precision, near.recall, near.coverage) == (1, 1, 1)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_images_for_the_neighbours_are_refused(count):
    vectors = torch.eye(8)
    complaint = f"{count} real images have no 5 neighbours each: give at least 6"
    with pytest.raises(InputError, match=complaint):
        RealVectors(vectors[:count])
    with pytest.raises(InputError, match=complaint.replace("real", "generated")):
        RealVectors(vectors).nearness(vectors[:count])
