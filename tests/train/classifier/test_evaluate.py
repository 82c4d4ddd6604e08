"""Figures of a test against values worked out by hand."""

import pytest
import torch
from torch import nn

from zeroreal.train.classifier.evaluate import Evaluation, evaluate


class Brightness(nn.Module):
    """Takes dark images for class 0 and bright ones for class 1; never says 2."""

    def forward(self, inputs):
        bright = inputs.mean((1, 2, 3))
        return torch.stack([-bright, bright, torch.full_like(bright, -100.0)], 1)


def test_confusion_counts_true_classes_in_rows():
    images = torch.tensor([10, 20, 250, 240, 30]).to(torch.uint8).view(5, 1, 1, 1)
    images = images.expand(5, 8, 8, 3).contiguous()
    labels = torch.tensor([0, 0, 1, 0, 2])
    result = evaluate(Brightness(), images, labels, 3, torch.device("cpu"))
    assert result.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert result.accuracy == pytest.approx(3 / 5)


def test_the_summary_has_per_class_figures_and_chance():
    result = Evaluation(torch.tensor([[8, 2], [0, 0]])).summary(["cat", "dog"])
    assert result["chance"] == 0.5
    assert result["images"] == 10
    assert result["per_class"][0]["accuracy"] == pytest.approx(0.8)
    assert result["per_class"][1] == {
        "class": "dog",
        "images": 0,
        "accuracy": None,
        "interval": None,
    }
