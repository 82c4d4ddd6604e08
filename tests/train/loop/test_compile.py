"""A compiled classifier is trained as one that is not."""

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from zeroreal.train import Trainer, TrainSettings

SIDE = 8


class Net(nn.Sequential):
    def __init__(self, classes):
        super().__init__(
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, classes),
        )


@pytest.fixture
def trained(monkeypatch):
    """A function that trains the net on 16 images and gives its weights and the losses."""
    monkeypatch.setattr(
        "zeroreal.train.trainer.create_classifier",
        lambda name, classes, size, least_map: Net(classes),
    )
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (16, SIDE, SIDE, 3), dtype=torch.uint8, generator=generator)

    def train(**settings):
        # SGD, because AdamW makes a step of a rounding error; 16 = 3 * 5 + 1: two batch sizes.
        settings = TrainSettings(
            epochs=2, batch_size=5, optimizer="sgd", learning_rate=0.1, **settings
        )
        options = {"device": "cpu", "precision": "fp32", "seed": 3}
        trainer = Trainer("net", num_classes=2, image_size=SIDE, settings=settings, **options)
        reports = trainer.fit(images, torch.arange(16) % 2)
        return trainer.model.state_dict(), [report.loss for report in reports]

    return train


@pytest.mark.slow
def test_compiled_training_ends_with_the_weights_of_plain_training(trained):
    before = counters["stats"]["unique_graphs"]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        untrained = Net(2).state_dict()
    plain, losses = trained()
    assert counters["stats"]["unique_graphs"] == before
    compiled, compiled_losses = trained(compile=True)
    assert counters["stats"]["unique_graphs"] > before
    assert not torch.allclose(plain["4.weight"], untrained["4.weight"], atol=1e-2)
    assert list(compiled) == list(plain)
    for name, value in plain.items():
        torch.testing.assert_close(compiled[name], value, atol=1e-5, rtol=0)
    assert compiled_losses == pytest.approx(losses, abs=1e-5)
