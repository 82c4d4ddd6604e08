"""Settings of a run: defaults, and what is out of range."""

import math

import pytest

from zeroreal.base import InputError
from zeroreal.generate.settings import GenerateSettings
from zeroreal.run.settings import GapSettings, RunSettings
from zeroreal.train.settings import PoolSettings, TrainSettings


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"images_per_class": 0}, "images per class is 0: at least 1"),
        ({"seed": -1}, r"seed -1 is outside 0\.\.2\^64-1"),
        ({"seed": 2**64}, r"outside 0\.\.2\^64-1"),
        ({"checkpoint_seconds": -0.1}, "checkpoint seconds is -0.1: it must be 0 or more"),
        ({"checkpoint_seconds": math.nan}, "checkpoint seconds is nan"),
        ({"time_budget": 0}, "time budget is 0: it must be above 0"),
        (
            {"time_budget": 60, "train": TrainSettings(feature_samples=9)},
            "--feature-samples is 9, and a time budget does not know what",
        ),
    ],
)
def test_a_run_has_bounds(changed, complaint):
    with pytest.raises(InputError, match=complaint):
        RunSettings(**changed)


def test_the_bounds_themselves_are_allowed():
    settings = RunSettings(
        images_per_class=1, seed=2**64 - 1, checkpoint_seconds=0, time_budget=0.1
    )
    assert settings.seed == 2**64 - 1
    assert RunSettings(seed=0).seed == 0


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"images_per_class": 401}, "--images-per-class"),
        ({"recipe": "base"}, "--recipe"),
        ({"devices": ("cpu", "cpu")}, "--devices"),
        ({"time_budget": 60.0}, "--time-budget"),
        ({"generate": GenerateSettings(model="other")}, "--model"),
        ({"generate": GenerateSettings(tune="off")}, "--tune"),
        ({"generate": GenerateSettings(image_size=32, generate_size=64)}, "--generate-size"),
    ],
)
def test_beside_a_dataset_nothing_may_be_said_of_generating(changed, flag):
    with pytest.raises(InputError, match=f"{flag} decides .* --images 'photos'"):
        RunSettings(images="photos", **changed)


def test_beside_a_dataset_all_else_may_be_chosen():
    settings = RunSettings(
        images="photos",
        classes=("cat", "dog"),
        classifier="resnet18",
        data="test",
        seed=3,
        device="cpu",
        generate=GenerateSettings(image_size=64),
        train=TrainSettings(epochs=2),
        pool=PoolSettings(blocks=2),
        gap=GapSettings(batch_norm_data="other"),
    )
    assert settings.images == "photos"


@pytest.mark.parametrize("weight", [-0.01, 1.01, math.nan])
def test_a_teacher_s_weight_is_a_share(weight):
    with pytest.raises(InputError, match=r"teacher weight is .*: it must be in \[0, 1\]"):
        GapSettings(teacher_weight=weight)
    assert [GapSettings(teacher_weight=share).teacher_weight for share in (0, 1)] == [0, 1]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"blocks": 0}, "blocks is 0: at least 1"),
        ({"policy": "oldst"}, "did you mean 'oldest'"),
        ({"sharing": "alternat"}, "did you mean 'alternate'"),
        ({"memory": 0}, "memory is 0: at least 1 byte"),
        ({"spill": 0}, "spill is 0: at least 1 byte"),
    ],
)
def test_a_pool_has_bounds(changed, complaint):
    with pytest.raises(InputError, match=complaint):
        PoolSettings(**changed)
    assert PoolSettings(blocks=1, memory=1, spill=1).blocks == 1


def test_the_defaults_are_those_that_the_figures_were_measured_with():
    settings = RunSettings()
    assert (settings.recipe, settings.classifier) == ("random-guidance", "test_resnet")
    assert (settings.images_per_class, settings.seed, len(settings.classes)) == (400, 0, 10)
    assert (settings.amp, settings.checkpoint_seconds) == ("auto", 60)
    assert (settings.device, settings.devices) == ("auto", ())
    assert (settings.data, settings.time_budget, settings.gap.teacher) == (None, None, None)
    assert settings.gap.teacher_weight == 0.5
    pool = settings.pool
    assert (pool.blocks, pool.policy, pool.sharing) == (8, "oldest", "auto")
    assert (pool.memory, pool.spill) == (None, None)
    train = settings.train
    assert (train.epochs, train.batch_size, train.learning_rate) == (16, 64, 4e-3)
    assert (train.optimizer, train.schedule, train.warmup) == ("adamw", "cosine", 0.1)
    assert (train.weight_decay, train.momentum, train.label_smoothing) == (0.05, 0.9, 0.1)
    assert (train.ema_decay, train.mixup, train.cutmix, train.clip_grad) == (0.99, 0, 0, 0)
    assert (train.balanced, train.compile, train.max_replay, train.accumulate) == (
        False,
        False,
        None,
        1,
    )
