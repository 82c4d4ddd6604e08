"""How many images each cluster gives, against a general solver of the same programme."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from zeroreal.run.selection.clusters import Clusters
from zeroreal.run.selection.quotas import _between, complexities, quotas


@pytest.mark.parametrize("seed", range(6))
def test_quotas_are_the_nearest_to_their_shares_as_scipy_finds_them(seed):
    random = np.random.default_rng(seed)
    sizes, shares = random.integers(2, 30, 7), random.dirichlet(np.ones(7))
    total = int(0.6 * sizes.sum())
    found = _between(
        torch.from_numpy(shares * total), torch.ones(7).long(), torch.from_numpy(sizes), total
    )
    theirs = minimize(
        lambda x: ((x - shares * total) ** 2).sum(),
        x0=sizes * 0.6,
        jac=lambda x: 2 * (x - shares * total),
        bounds=[(1, size) for size in sizes],
        constraints={"type": "eq", "fun": lambda x: x.sum() - total, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert theirs.success
    assert np.allclose(found, theirs.x, atol=1e-3)


@pytest.mark.parametrize("keep", [0, 1, 4, 17, 59, 60])
def test_quotas_sum_up_and_no_cluster_gives_more_than_it_has(keep):
    sizes = torch.tensor([1, 9, 0, 20, 30])
    found = quotas(torch.tensor([0.9, 0.1, 0.0, 0.3, 0.3], dtype=torch.float64), sizes, keep)
    assert int(found.sum()) == keep
    assert bool((found <= sizes).all())
    if keep >= 4:
        assert found[[0, 1, 3, 4]].min() == 1 or keep >= 17


def test_a_complex_cluster_gives_more_and_equal_ones_as_many():
    sizes = torch.tensor([50, 50, 50])
    found = quotas(torch.tensor([0.1, 1.0, 0.1], dtype=torch.float64), sizes, 60)
    shares = torch.tensor([0.2, 2.0, 0.2]).softmax(0) * 60  # by a temperature of 0.5
    assert found[1] == pytest.approx(float(shares[1]), abs=1)
    assert abs(int(found[0] - found[2])) <= 1
    assert quotas(torch.zeros(3, dtype=torch.float64), sizes, 60).tolist() == [20, 20, 20]


def test_a_complexity_is_how_spread_out_times_how_far_from_others():
    centroids = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]], dtype=torch.float64)
    assignment = torch.tensor([0, 0, 1, 1, 2])  # none of the last
    cosines = torch.tensor([0.8, 0.6, 1.0, 1.0, 0.5], dtype=torch.float64)
    found = complexities(Clusters(centroids, assignment, cosines))
    assert torch.allclose(found, torch.tensor([0.3, 0.0, 0.5, 0.0], dtype=torch.float64))


def test_only_the_twenty_nearest_centroids_count():
    angle = torch.arange(23, dtype=torch.float64) * torch.pi / 60
    centroids = torch.stack([angle.cos(), angle.sin()], 1)
    cosines = torch.zeros(23, dtype=torch.float64)
    found = complexities(Clusters(centroids, torch.arange(23), cosines))
    assert float(found[0]) == pytest.approx(float((1 - angle[1:21].cos()).mean()))
