"""Figures of calibration against values worked out by hand and by torchmetrics."""

import math

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train.classifier import confidence
from zeroreal.train.classifier.confidence import Bin, confidence_figures

SHARES = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
LABELS = torch.tensor([0, 1, 1, 0])  # the second is mistaken


def test_the_figures_are_those_worked_out_by_hand():
    found = confidence_figures(SHARES.log(), LABELS)
    assert (found.images, found.accuracy) == (4, 0.75)
    logs = [math.log(share) for share in (0.9, 0.2, 0.7, 0.6)]
    assert found.nll == pytest.approx(-sum(logs) / 4, abs=1e-6)
    assert found.brier == pytest.approx((0.02 + 1.28 + 0.18 + 0.32) / 4, abs=1e-6)
    # Each is alone in its bin of a fifteenth.
    assert found.ece == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4, abs=1e-6)
    # In order of confidence: right, mistaken, right, right.
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4, abs=1e-6)
    assert [one.images for one in found.reliability] == [1, 1, 1, 1]
    assert [one.confidence for one in found.reliability] == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert [one.accuracy for one in found.reliability] == [1, 1, 0, 1]
    assert found.risks == pytest.approx([0, 0, 1 / 2, 1 / 2, 1 / 2, 1 / 3, 1 / 3, *[1 / 4] * 3])


def test_images_of_one_bin_count_by_their_means():
    shares = torch.tensor([[0.94, 0.06], [0.98, 0.02]])
    found = confidence_figures(shares.log(), torch.tensor([0, 1]))
    (only,) = found.reliability
    assert only == Bin(2, pytest.approx(0.96), 0.5)
    assert found.ece == pytest.approx(0.46, abs=1e-6)


def test_the_figures_are_those_of_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.classification")
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2000, 7, generator=draw)
    labels = torch.where(
        torch.rand(2000, generator=draw) < 0.7,
        logits.argmax(1),
        torch.randint(0, 7, (2000,), generator=draw),
    )
    found = confidence_figures(logits, labels, temperature=1.5)
    shares = (logits / 1.5).softmax(1)
    ece = functional.multiclass_calibration_error(shares, labels, 7, n_bins=15, norm="l1")
    assert found.ece == pytest.approx(float(ece), abs=1e-5)
    accuracy = functional.multiclass_accuracy(shares, labels, 7, average="micro")
    assert found.accuracy == pytest.approx(float(accuracy), abs=1e-6)


def test_images_of_equal_confidence_count_alike_in_any_order():
    logits = torch.tensor([[2.0, 0.0]] * 6 + [[1.0, 0.0]] * 4)
    labels = torch.tensor([0, 0, 1, 0, 1, 0, 1, 0, 0, 1])
    risks = [confidence_figures(logits[o], labels[o]).aurc for o in orders(10)]
    # A third of the first six are errors, two in all, and half of each that comes after.
    after = sum((2 + more / 2) / (6 + more) for more in range(1, 5))
    assert risks == pytest.approx([(6 / 3 + after) / 10] * 5)


def orders(count):
    return [torch.randperm(count, generator=torch.Generator().manual_seed(s)) for s in range(5)]


def test_temperature_changes_no_answer():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 4
    cold, hot = (confidence_figures(logits, labels, t) for t in (0.1, 10.0))
    assert cold.accuracy == hot.accuracy
    assert cold.reliability[-1].confidence > hot.reliability[-1].confidence


def test_a_test_tells_what_is_kept_and_how_often_that_is_right():
    rejected = torch.tensor([False, True, False, True])
    found = confidence.tested_confidence("photos", SHARES.log(), LABELS, 2.0, rejected)
    assert (found.kept, found.kept_accuracy) == (0.5, 1.0)
    assert found.before == confidence_figures(SHARES.log(), LABELS)
    assert found.after == confidence_figures(SHARES.log(), LABELS, 2.0)
    none = confidence.tested_confidence("photos", SHARES.log(), LABELS, 2.0, torch.ones(4).bool())
    assert (none.kept, none.kept_accuracy) == (0.0, None)


def test_logits_that_say_nothing_are_refused():
    with pytest.raises(InputError, match="no images"):
        confidence_figures(torch.zeros(0, 2), torch.zeros(0).long())
    with pytest.raises(InputError, match="not finite"):
        confidence_figures(torch.full((1, 2), float("nan")), torch.zeros(1).long())
