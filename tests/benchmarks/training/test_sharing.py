"""The benchmark of sharing a device, with images that cost nothing."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Measurement, Progress, Rounds
from zeroreal.benchmarks.training import sharing
from zeroreal.benchmarks.training.settings import SharingSettings
from zeroreal.benchmarks.training.shared import Shared
from zeroreal.benchmarks.training.sharing import (
    balanced_epochs,
    figures,
    measure_sharing,
    modes_of,
)
from zeroreal.generate import ImageBatch, SamplePlan, load_recipe, parse_classes
from zeroreal.train import Trainer, TrainSettings


class Blank:
    """Generates grey images."""

    device = torch.device("cpu")
    image_size = 16

    def generate(self, specs, done=()):
        specs = tuple(specs)
        images = torch.full((len(specs), 16, 16, 3), 128, dtype=torch.uint8)
        yield ImageBatch(specs, images, torch.tensor([spec.label for spec in specs]))


@pytest.fixture
def shared():
    plan = SamplePlan(load_recipe("base"), parse_classes(["cat", "dog"]), 4)
    return Shared(Blank(), plan, "test_resnet", TrainSettings(epochs=2, batch_size=4), blocks=2)


def test_both_at_once_train_as_often_as_training_alone(shared, monkeypatch):
    trained = []
    fit = Trainer.fit

    def counted(trainer, loader):
        fit(trainer, loader)
        trained.append(loader.samples)

    monkeypatch.setattr(Trainer, "fit", counted)
    shared.train(shared.generate())
    shared.both("alternate")
    shared.both("overlap")
    assert trained == [2 * 8] * 3  # epochs, images


@pytest.mark.parametrize(("generating", "epochs"), [(3.2, 3), (0.1, 1), (1e6, 200)])
def test_training_takes_about_as_long_as_generating(shared, monkeypatch, generating, epochs):
    times = iter([generating, 1.0])
    monkeypatch.setattr(sharing, "timed", lambda work, device: next(times))
    monkeypatch.setattr(Shared, "train", lambda shared, pool: None)
    balanced, pool = balanced_epochs(shared)
    assert balanced.settings.epochs == epochs
    assert len(pool) == 8


def test_modes_are_held_against_the_longer_part_and_half_of_the_shorter(shared):
    seconds = {"generating": [4.0], "training": [6.0], "alternate": [10.0], "overlap": [7.0]}
    parts = tuple(Measurement(name, times) for name, times in seconds.items())
    found = figures(Rounds(parts, 1, 1), shared, {"partition": "no"})
    assert found.facts["target_seconds"] == 8.0
    # Four images; four more beside four samples; then twelve of the sixteen samples.
    assert found.facts["scheduled_seconds"] == 2.0 + 2.0 + 4.5
    of_target = {
        row.name: row.metrics["of_target"].median
        for row in found.rows
        if "of_target" in row.metrics
    }
    assert of_target == {"alternate": 1.25, "overlap": 0.875}
    assert (found.rows[-1].name, found.rows[-1].reason) == ("partition", "no")


def test_without_a_part_alone_there_is_no_target(shared):
    parts = (
        Measurement("generating", [1.0]),
        Measurement("training", [], "no memory"),
        Measurement("overlap", [2.0]),
    )
    found = figures(Rounds(parts, 1, 1), shared, {})
    assert [row.reason for row in found.rows] == [None, "no memory", None]
    assert "of_target" not in found.rows[2].metrics
    assert "generating or training alone was not measured, so there is no target" in found.reasons


def test_a_cpu_is_not_partitioned():
    modes, missing = modes_of(torch.device("cpu"))
    assert modes == ["alternate", "overlap"]
    assert "only CUDA devices can be partitioned" in missing["partition"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"blocks": 0}, "blocks is 0: at least 1 is needed"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_sharing(SharingSettings(**settings))
    assert complaint in str(error.value)


def test_every_way_of_sharing_is_measured(shared, monkeypatch):
    monkeypatch.setattr(sharing, "_shared", lambda settings: shared)
    monkeypatch.setattr(sharing, "timed", lambda work, device: 1.0)
    kept, lines = [], []
    found = measure_sharing(SharingSettings("cpu", rounds=2), Progress(lines.append, kept.append))
    assert [(row.name, len(row.metrics)) for row in found.rows] == [
        ("generating", 1),
        ("training", 1),
        ("alternate", 2),
        ("overlap", 2),
        ("partition", 0),
    ]
    assert found.facts["images"] == 8
    assert [(len(one.rows), one.finished) for one in kept] == [(5, False)] * 2
    assert lines[-1] == "round 2 of 2"
