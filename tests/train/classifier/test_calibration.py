"""Temperatures that are known, and scores against values worked out by hand and by others."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from zeroreal.base import InputError
from zeroreal.train.classifier.calibration import (
    MOST_TEMPERATURE,
    auroc,
    fit_temperature,
    keeping_threshold,
    probabilities,
    reject_scores,
)


def made_logits(count=20_000, classes=5, seed=0):
    return 4 * torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))


def drawn_labels(logits, temperature):
    """Labels that come as often as softmax(logits / temperature) says."""
    shares = (logits / temperature).softmax(1)
    return torch.multinomial(shares, 1, generator=torch.Generator().manual_seed(1))[:, 0]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_by_which_labels_were_drawn_is_found(temperature):
    logits = made_logits()
    labels = drawn_labels(logits, temperature)
    found = fit_temperature(logits, F.one_hot(labels, 5).float())
    assert found == pytest.approx(temperature, rel=0.03)


def test_soft_targets_have_their_own_temperature_exactly():
    logits = made_logits(100)
    assert fit_temperature(logits, (logits / 1.7).softmax(1)) == pytest.approx(1.7, rel=1e-5)


def test_the_temperature_is_that_of_a_minimiser_of_others():
    logits, labels = made_logits(300), torch.arange(300) % 5
    labels[::2] = logits[::2].argmax(1)
    values, rows = logits.double().numpy(), np.arange(300)

    def loss(log_temperature):
        scaled = values / np.exp(log_temperature)
        return np.mean(logsumexp(scaled, 1) - scaled[rows, labels.numpy()])

    best = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-8})
    found = fit_temperature(logits, F.one_hot(labels, 5).float())
    assert np.log(found) == pytest.approx(best.x, abs=1e-5)


def test_without_a_best_temperature_the_end_of_the_range_is_given():
    logits = made_logits(50)
    always_right = F.one_hot(logits.argmax(1), 5).float()
    assert fit_temperature(logits, always_right) == pytest.approx(1 / MOST_TEMPERATURE)
    always_wrong = F.one_hot(logits.argmin(1), 5).float()
    assert fit_temperature(logits, always_wrong) == pytest.approx(MOST_TEMPERATURE)


@pytest.mark.parametrize(
    ("logits", "complaint"),
    [
        (torch.zeros(0, 3), "no images to calibrate on"),
        (torch.tensor([[1.0, float("nan")]]), "not finite"),
        (torch.tensor([[1.0, float("inf")]]), "not finite"),
    ],
)
def test_logits_that_say_nothing_are_refused(logits, complaint):
    with pytest.raises(InputError, match=complaint):
        fit_temperature(logits, torch.ones_like(logits))


def test_scores_are_the_largest_probability_and_the_energy():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    largest = np.e / (np.e + 2)  # at temperature 2
    assert reject_scores("softmax", logits, 2.0).tolist() == pytest.approx([largest, 1 / 3])
    energies = [np.log(np.exp(2) + 2), np.log(3)]
    assert reject_scores("energy", logits, 2.0).tolist() == pytest.approx(energies)
    assert probabilities(logits, 2.0)[0].tolist() == pytest.approx(
        [largest, (1 - largest) / 2, (1 - largest) / 2]
    )
    with pytest.raises(InputError, match="did you mean 'energy'"):
        reject_scores("enrgy", logits, 1.0)


@pytest.mark.parametrize(("keep", "kept"), [(1.0, 100), (0.95, 95), (0.5, 50), (0.001, 1)])
def test_the_threshold_keeps_the_share_that_was_asked_for(keep, kept):
    scores = torch.randperm(100, generator=torch.Generator().manual_seed(0)).float() / 100
    assert int((scores >= keeping_threshold(scores, keep)).sum()) == kept


def test_of_equal_scores_none_is_rejected_alone():
    scores = torch.tensor([0.5] * 9 + [0.9])
    assert keeping_threshold(scores, 0.95) == 0.5


def test_the_area_counts_pairs_and_ties_half():
    # Of the pairs (3, 1), (3, 2), (2, 1), (2, 2) the first three are in order, the last is a tie.
    assert auroc(torch.tensor([3.0, 2.0]), torch.tensor([1.0, 2.0])) == 3.5 / 4
    assert auroc(torch.tensor([1.0]), torch.tensor([2.0])) == 0
    assert auroc(torch.tensor([1.0]), torch.tensor([1.0])) == 0.5


def test_the_area_is_that_of_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.classification")
    draw = torch.Generator().manual_seed(0)
    # Shares of 1 in sixty-fourths, so that there are ties.
    inside, outside = (
        (torch.randn(count, generator=draw) + mean).mul(8).round().clamp(-32, 32).add(32) / 64
        for count, mean in ((200, 1), (300, 0))
    )
    truth = torch.cat([torch.ones(200), torch.zeros(300)]).long()
    theirs = functional.binary_auroc(torch.cat([inside, outside]), truth)
    assert auroc(inside, outside) == pytest.approx(float(theirs), abs=1e-6)
