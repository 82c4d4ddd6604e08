"""Presets against the recipes as published."""

from dataclasses import fields

import pytest

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train.presets import preset
from zeroreal.train.settings import TrainSettings

RESIZED_CROP = {"area": (0.08, 1.0), "aspect": (0.75, 1.3333), "flip": 0.5}  # torchvision's


@pytest.mark.parametrize("name", ["fast", "method", "timm"])
def test_every_preset_makes_settings(name):
    values = preset(name)
    assert set(values) <= {field.name for field in fields(TrainSettings)}
    augment = AugmentRanges(**values.pop("augment"))
    assert TrainSettings(**values, augment=augment).augment == augment


def test_method_is_the_paper_s_released_training_script():
    assert preset("method") == {
        "epochs": 50,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 1e-4,
        "schedule": "cosine",
        "warmup": 0.0,
        "weight_decay": 0.9,
        "loss": "cross-entropy",
        "label_smoothing": 0.0,
        "ema_decay": 0.0,
        "plain_share": 0.0,
        "augment": RESIZED_CROP,
    }


def test_timm_is_a2_of_resnet_strikes_back():
    values = preset("timm")
    assert values.pop("batch_size") * values.pop("accumulate") == 2048
    assert values.pop("warmup") == pytest.approx(5 / 300, abs=1e-4)
    assert values == {
        "epochs": 300,
        "optimizer": "lamb",
        "learning_rate": 5e-3,
        "schedule": "cosine",
        "weight_decay": 0.02,
        "loss": "binary",
        "label_smoothing": 0.0,
        "mixup": 0.1,
        "cutmix": 1.0,
        "ema_decay": 0.0,
        "plain_share": 0.0,
        "augment": RESIZED_CROP,
    }


def test_fast_steps_as_far_as_airbench_for_each_image():
    values = preset("fast")
    momentum, rate, decay = 0.85, 11.5, 0.0153  # as airbench94.py has them
    kilostep = 1024 * (1 + 1 / (1 - momentum))
    assert values["momentum"] == momentum
    # Its loss is a sum over the batch, ours a mean.
    assert values["learning_rate"] / values["batch_size"] == pytest.approx(rate / kilostep, 1e-3)
    assert values["learning_rate"] * values["weight_decay"] / values["batch_size"] == pytest.approx(
        decay / kilostep, 1e-2
    )
    assert (values["optimizer"], values["schedule"], values["warmup"]) == ("sgd", "linear", 0.23)
    assert values["label_smoothing"] == 0.2
    assert values["augment"]["shift"] * 32 == 2
    assert values["plain_share"] == 0


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'method'"):
        preset("methods")
