"""The score that is learnt: weights of logits in order of size."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from zeroreal.base import InputError
from zeroreal.train.classifier.calibration import (
    MOST_RANKS,
    auroc,
    fit_rank_weights,
    reject_scores,
)


def made(count, second, classes=5, seed=0):
    """Logits of which the largest is 4, the second `second`, the rest noise below, in any order."""
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=draw) - 3
    order = torch.rand(count, classes, generator=draw).argsort(1)
    logits.scatter_(1, order[:, :1], 4.0)
    logits.scatter_(1, order[:, 1:2], second + 0.5 * torch.randn(count, 1, generator=draw))
    return logits


def score(logits, weights):
    return reject_scores("ranks", logits, 1.0, weights)


def test_what_the_second_largest_tells_is_learnt():
    weights = fit_rank_weights(made(200, second=0.0), [made(200, second=2.0, seed=1)])
    inside, outside = made(300, second=0.0, seed=2), made(300, second=2.0, seed=3)
    assert auroc(score(inside, weights), score(outside, weights)) > 0.98
    energies = [reject_scores("energy", one, 1.0) for one in (inside, outside)]
    assert auroc(*energies) < 0.5  # it takes the larger second one for a better known image
    assert weights[1] < 0


def test_the_weights_are_those_of_a_minimiser_of_others():
    inside, kinds = made(50, 0.0), [made(40, 1.0, seed=1), made(10, 1.5, seed=2)]
    rows = np.concatenate([one.double().numpy() for one in (inside, *kinds)])
    rows = -np.sort(-rows, 1)
    deviation = np.maximum(rows.std(0, ddof=1), 1e-6)
    scaled = (rows - rows.mean(0)) / deviation
    sign = np.concatenate([np.ones(50), -np.ones(50)])
    share = np.concatenate([np.full(50, 1 / 100), np.full(40, 1 / 160), np.full(10, 1 / 40)])

    def loss(weights):
        margins = sign * (scaled @ weights[:-1] + weights[-1])
        return share @ np.logaddexp(0, -margins) + 0.1 * np.square(weights[:-1]).sum()

    best = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-9}).x
    found = np.array(fit_rank_weights(inside, kinds)) * deviation
    assert found == pytest.approx(best[:-1], abs=2e-3)


def test_no_class_counts_for_more_than_another():
    inside, outside = made(100, 0.0), made(100, 2.0, seed=1)
    weights = fit_rank_weights(inside, [outside])
    order = [3, 0, 4, 1, 2]
    assert weights == pytest.approx(fit_rank_weights(inside[:, order], [outside[:, order]]))
    assert torch.equal(score(inside, weights), score(inside[:, order], weights))


def test_kinds_count_alike_whatever_their_number():
    inside, one, other = made(100, 0.0), made(60, 1.0, seed=1), made(30, 2.0, seed=2)
    plain = fit_rank_weights(inside, [one, other])
    assert fit_rank_weights(inside, [one, other, other, one]) == pytest.approx(plain, abs=0.01)
    repeated = fit_rank_weights(inside, [one, torch.cat([other] * 20)])
    wrong = fit_rank_weights(inside, [torch.cat([one, *[other] * 20])])
    assert np.abs(np.subtract(repeated, plain)).max() < np.abs(np.subtract(wrong, plain)).max()


def test_of_many_classes_the_largest_logits_count():
    many = torch.randn(50, 30, generator=torch.Generator().manual_seed(0))
    weights = fit_rank_weights(2 * many, [many])
    assert len(weights) == MOST_RANKS == 10
    hidden = many.clone()
    hidden[hidden < hidden.topk(10).values[:, -1:]] = -50
    assert torch.equal(score(many, weights), score(hidden, weights))


def test_logits_that_never_vary_have_finite_weights():
    weights = fit_rank_weights(torch.ones(5, 3), [torch.zeros(5, 3), torch.ones(5, 3)])
    assert np.isfinite(weights).all()


def test_the_weights_of_other_classes_are_refused():
    with pytest.raises(InputError, match="3 weights of ranks were given, and 5 logits"):
        score(made(2, 0.0), (1.0, 0.0, 0.0))
    with pytest.raises(InputError, match="not finite"):
        fit_rank_weights(torch.full((2, 2), float("nan")), [torch.zeros(2, 2)])
