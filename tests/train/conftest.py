"""Images of two classes, and trainers of a small net for them."""

import pytest
import torch

from zeroreal.train import Trainer, TrainSettings


def stripes(count, seed):
    """Two classes, horizontal and vertical stripes of random phase and colour: uint8 NHWC."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    phase = torch.randint(0, 8, (count, 1, 1), generator=generator)
    line = (torch.arange(32)[None, :, None] + phase) % 8 < 4
    pattern = line.expand(count, 32, 32).clone()
    pattern[labels == 1] = pattern[labels == 1].transpose(1, 2)
    colour = torch.randint(80, 256, (count, 1, 1, 3), generator=generator)
    noise = torch.randint(0, 60, (count, 32, 32, 3), generator=generator)
    return (pattern[..., None] * colour * 0.7 + noise).to(torch.uint8), labels


def trainer(**options):
    settings = {"epochs": 3, "batch_size": 32, "ema_decay": 0.9}
    settings |= {k: options.pop(k) for k in list(options) if k in TrainSettings.__annotations__}
    defaults = {"num_classes": 2, "image_size": 32, "device": "cpu", "precision": "fp32"}
    return Trainer("test_resnet", settings=TrainSettings(**settings), **{**defaults, **options})


@pytest.fixture(name="stripes", scope="session")
def _stripes():
    return stripes


@pytest.fixture(name="trainer", scope="session")
def _trainer():
    return trainer
