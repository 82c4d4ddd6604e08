"""What the settings of training refuse."""

import pytest

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train.settings import AUGMENTATIONS, DegradeRanges, TrainSettings


@pytest.mark.parametrize(
    "name", ["learning_rate", "max_replay", "weight_decay", "clip_grad", "mixup", "cutmix"]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_setting_that_is_no_number_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name.replace('_', ' ')} is {value}"):
        TrainSettings(**{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 0}, "resolution to degrade to is 0"),
        ({"blur": -1.0}, "blur is -1.0"),
        ({"blur": float("inf")}, "blur is inf"),
        ({"noise": 1.5}, "noise is 1.5"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"jpeg": 0}, "JPEG quality is 0"),
        ({"jpeg": 96}, "JPEG quality is 96"),
    ],
)
def test_impossible_ranges_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        DegradeRanges(**options)


def test_augmentations_change_what_they_were_measured_with():
    assert {
        "none": AugmentRanges(),
        "default": AugmentRanges(
            flip=0.5, shift=0.07, zoom=0.1, brightness=0.1, contrast=0.2, erase=0.5
        ),
        "strong": AugmentRanges(
            area=(0.5, 1.0),
            aspect=(0.75, 1.3333),
            flip=0.5,
            shift=0.07,
            rotate=10,
            brightness=0.3,
            contrast=0.4,
            saturation=0.4,
            erase=0.25,
        ),
    } == AUGMENTATIONS
    assert TrainSettings().augment == AUGMENTATIONS["default"]
