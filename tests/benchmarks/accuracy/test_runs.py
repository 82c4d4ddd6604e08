"""The accuracies that the benchmark of levers asks for: what is not done again."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.benchmarks.accuracy import runs as lever_accuracy
from zeroreal.benchmarks.accuracy.runs import Accuracy, AccuracyRuns
from zeroreal.run import RunSettings
from zeroreal.train import TrainSettings


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """What fakes of generator and trainer were asked for: `made` images, `trained` ones."""
    made, trained = [], []

    class FakeGenerator:
        def __init__(self, **options):
            self.steps = options["steps"]

        def images(self, specs):
            made.append((self.steps, specs[0].index, specs[-1].index))
            labels = torch.tensor([spec.label for spec in specs])
            return torch.zeros(len(specs), 32, 32, 3, dtype=torch.uint8), labels

    class FakeTrainer:
        def __init__(self, classifier, **options):
            self.epochs = options["settings"].epochs

        def fit(self, images, labels):
            trained.append((self.epochs, len(images), labels.bincount().tolist()))

        def evaluate(self, images, labels):
            return SimpleNamespace(accuracy=len(images) / 10_000)

    test = SimpleNamespace(images=range(100), labels=None)
    monkeypatch.setattr(lever_accuracy, "load_real_images", lambda *arguments: test)
    monkeypatch.setattr(lever_accuracy, "_SPLIT", 6_000)
    monkeypatch.setattr(lever_accuracy, "Generator", FakeGenerator)
    monkeypatch.setattr(lever_accuracy, "Trainer", FakeTrainer)
    split = torch.zeros(6_000, 28, 28, dtype=torch.uint8), torch.zeros(6_000, dtype=torch.int64)
    monkeypatch.setattr(lever_accuracy, "load_fashion_mnist", lambda folder, name: split)
    return SimpleNamespace(made=made, trained=trained)


def test_images_are_made_once_however_many_are_trained_on(tmp_path, fakes):
    for images in (500, 500, 1_500, 1_000):
        runs = AccuracyRuns(tmp_path, tmp_path, "cpu")
        assert runs.accuracy("4-steps", {"steps": 4}, 0, images) == Accuracy(0.01, 0.5)
    assert fakes.made == [(4, 0, 999), (4, 1_000, 1_999)]
    assert fakes.trained == [(16, 500, [50] * 10), (16, 1_500, [150] * 10), (16, 1_000, [100] * 10)]


def test_a_lever_whose_change_is_another_is_measured_again(tmp_path, fakes):
    for steps in (4, 3, 4):
        AccuracyRuns(tmp_path, tmp_path, "cpu").accuracy("few", {"steps": steps}, 0, 500)
    assert fakes.made == [(4, 0, 999), (3, 0, 999)]
    assert len(fakes.trained) == 2


def test_other_training_is_measured_again_on_the_same_images(tmp_path, fakes, monkeypatch):
    for epochs in (16, 2, 16):
        settings = RunSettings(train=TrainSettings(epochs=epochs))
        monkeypatch.setattr(lever_accuracy, "RunSettings", lambda settings=settings: settings)
        AccuracyRuns(tmp_path, tmp_path, "cpu").accuracy("few", {"steps": 4}, 0, 500)
    assert [epochs for epochs, *_ in fakes.trained] == [16, 2]
    assert fakes.made == [(4, 0, 999)]


def test_another_recipe_of_the_same_name_makes_other_images(tmp_path, fakes, monkeypatch):
    load_recipe = lever_accuracy.load_recipe
    other = load_recipe("base").model_copy(update={"name": "random-guidance"})
    for recipe in (load_recipe("random-guidance"), other):
        monkeypatch.setattr(lever_accuracy, "load_recipe", lambda name, recipe=recipe: recipe)
        AccuracyRuns(tmp_path, tmp_path, "cpu").images("few", {"steps": 4}, 0, 500)
    assert len(fakes.made) == 2
