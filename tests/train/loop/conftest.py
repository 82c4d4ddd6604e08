"""What the tests of the training loop share."""

import pytest
import torch
from torch import nn

from zeroreal.train import Feed, ImagePool, Trainer, TrainSettings

CPU = torch.device("cpu")


class Net(nn.Sequential):
    """A convolution's weights in channels-last, running statistics, random numbers."""

    def __init__(self, classes):
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(4, 4, 2),
            nn.Flatten(),
            nn.Linear(36, classes),
        )


@pytest.fixture
def trainer(monkeypatch):
    """A function that makes a trainer of a small net for 2 classes of 4 pixels."""

    def make(net=Net, device="cpu", precision="fp32", **settings):
        monkeypatch.setattr(
            "zeroreal.train.trainer.create_classifier",
            lambda name, classes, size, least_map: net(classes),
        )
        settings = TrainSettings(**{"epochs": 2, "batch_size": 3, **settings})
        options = {"device": device, "precision": precision, "seed": 7}
        return Trainer("net", num_classes=2, image_size=4, settings=settings, **options)

    return make


@pytest.fixture
def source_of(numbered):
    """A function that makes what is trained on: a full pool, or a feed that replaces images."""

    def make(policy):
        if policy is None:
            labels = torch.arange(14) % 2
            return ImagePool.of(numbered.pictures(range(14)), labels, CPU)
        pool = ImagePool(6, 4, CPU, spare=4)
        return Feed(numbered(), numbered.plan(12), pool, block=4, policy=policy, mode="overlap")

    return make
