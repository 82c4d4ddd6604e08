"""What cannot be trained with gets one sentence."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import ImagePool, Loader, Trainer, TrainSettings

CPU = torch.device("cpu")


def test_a_bound_on_replay_that_leaves_nothing_to_train_on_is_refused():
    settings = TrainSettings(max_replay=0.01)
    trainer = Trainer(num_classes=2, image_size=32, settings=settings, device="cpu")
    images = torch.zeros(8, 32, 32, 3, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"max replay is 0.01, which leaves not even one pass"):
        trainer.fit(images, torch.arange(8) % 2)


def test_the_bound_on_replay_of_a_loader_of_one_s_own_is_the_one_that_is_named(stripes, trainer):
    loader = Loader(ImagePool.of(*stripes(8, seed=0), CPU), 4, epochs=2, max_replay=0.02)
    with pytest.raises(InputError, match=r"max replay is 0.02, which leaves not even one pass"):
        trainer().fit(loader)


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.zeros(4, 32, 32, 3), torch.zeros(4).long()),
        (torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.zeros(4).long()),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), torch.zeros(3).long()),
        (torch.zeros(1, 32, 32, 3, dtype=torch.uint8), torch.zeros(1).long()),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8),),
    ],
)
def test_images_are_checked(arguments, trainer):
    with pytest.raises(InputError):
        trainer().fit(*arguments)


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_outside_the_classes_are_refused(label, stripes, trainer):
    images, labels = stripes(8, seed=0)
    labels[5] = label
    with pytest.raises(InputError, match=f"label {label} is outside the 2 classes"):
        trainer().fit(images, labels)


def test_a_loader_without_an_end_is_refused(stripes, trainer):
    loader = Loader(ImagePool.of(*stripes(8, seed=0), CPU), 4)
    with pytest.raises(InputError, match="no end"):
        trainer().fit(loader)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"optimizer": "adamv"}, "did you mean 'adamw'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": -1.0}, "learning rate"),
        ({"label_smoothing": 1.0}, "label smoothing"),
        ({"precision": "fp16"}, "fp16"),
    ],
)
def test_settings_are_checked(options, complaint, trainer):
    with pytest.raises(InputError, match=complaint):
        trainer(**options)
