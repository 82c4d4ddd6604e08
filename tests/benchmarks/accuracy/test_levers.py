"""The benchmark of levers: equal times, the table that comes of it, what is not done again."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.benchmarks.accuracy import runs as lever_accuracy
from zeroreal.benchmarks.accuracy.lever_settings import LEVERS
from zeroreal.benchmarks.accuracy.lever_table import lever_table
from zeroreal.benchmarks.accuracy.levers import equal_time_images
from zeroreal.benchmarks.accuracy.runs import Accuracy, AccuracyRuns
from zeroreal.generate import GenerateSettings
from zeroreal.run.budget.levers import LeverSetting, read_levers

SPEED = {
    "training": {"images_per_second": {"median": 1600.0}},  # 0.01 s an image in 16 epochs
    "generation": {
        "baseline": {
            "images_per_second": {"median": 50.0},
            "stage_seconds": {"text": 0.001, "denoise": 0.017, "decode": 0.002},
        },
        "guidance-0.6-6": {
            "images_per_second": {"median": 80.0},
            "stage_seconds": {"text": 0.001, "denoise": 0.008, "decode": 0.003},
        },
    },
}


def held_out(**by_seed):
    return {int(seed[1:]): Accuracy(test=0.0, held_out=value) for seed, value in by_seed.items()}


def test_equal_time_counts_generation_and_training():
    assert equal_time_images(SPEED, "baseline") == 2000  # 0.03 s an image, one minute
    assert equal_time_images(SPEED, "guidance-0.6-6") == 2700  # 0.0225 s an image, 2666.7


def test_the_table_holds_ratios_to_the_baseline_of_the_same_seed(tmp_path):
    results = {
        "baseline": {
            2000: held_out(s0=0.8, s1=0.75),  # errors 0.2 and 0.25
            4000: held_out(s0=0.9),  # half the error of seed 0
        },
        "guidance-0.6-6": {2000: held_out(s0=0.7, s1=0.8)},  # 1.5 and 0.8 times the error
        "ddim": {4000: held_out(s0=0.7)},  # not measured at equal images
    }
    path = tmp_path / "levers.yaml"
    path.write_text(lever_table(results, SPEED, 2000))
    table = read_levers(path)
    assert table.settings == (
        LeverSetting("baseline", {}, 1.0, 1.0, 1.0),
        LeverSetting("guidance-0.6-6", {"guidance_interval": (0.6, 6.0)}, 1.15, 0.5, 1.5),
    )
    assert table.errors == {2000: 0.225, 4000: 0.1125}


def test_every_lever_is_one_of_a_run():
    for change in LEVERS.values():
        GenerateSettings(**change)


def test_images_are_made_once_however_many_are_trained_on(tmp_path, monkeypatch):
    made, trained = [], []

    class FakeGenerator:
        def __init__(self, **options):
            assert options["steps"] == 4

        def images(self, specs):
            made.append((specs[0].index, specs[-1].index))
            labels = torch.tensor([spec.label for spec in specs])
            return torch.zeros(len(specs), 32, 32, 3, dtype=torch.uint8), labels

    class FakeTrainer:
        def __init__(self, classifier, **options):
            pass

        def fit(self, images, labels):
            trained.append((len(images), labels.bincount().tolist()))

        def evaluate(self, images, labels):
            return SimpleNamespace(accuracy=len(images) / 10_000)

    test = SimpleNamespace(images=range(100), labels=None)
    monkeypatch.setattr(lever_accuracy, "load_real_images", lambda *arguments: test)
    monkeypatch.setattr(lever_accuracy, "Generator", FakeGenerator)
    monkeypatch.setattr(lever_accuracy, "Trainer", FakeTrainer)
    split = torch.zeros(6_000, 28, 28, dtype=torch.uint8), torch.zeros(6_000, dtype=torch.int64)
    monkeypatch.setattr(lever_accuracy, "load_fashion_mnist", lambda folder, name: split)
    for images in (500, 500, 1_500, 1_000):
        runs = AccuracyRuns(tmp_path, tmp_path, "cpu")
        assert runs.accuracy("4-steps", {"steps": 4}, 0, images) == Accuracy(0.01, 0.5)
    assert made == [(0, 999), (1_000, 1_999)]
    assert trained == [(500, [50] * 10), (1_500, [150] * 10), (1_000, [100] * 10)]


@pytest.mark.parametrize("phase", ["images", "curve"])
def test_phases_without_speeds_need_none(phase, tmp_path, monkeypatch):
    from zeroreal.benchmarks.accuracy import levers

    counts = []

    class FakeRuns:
        def __init__(self, *arguments):
            pass

        def accuracy(self, name, change, seed, images):
            counts.append((name, seed, images))
            return Accuracy(0.5, 0.5)

    monkeypatch.setattr(levers, "AccuracyRuns", FakeRuns)
    result = tmp_path / "result.json"
    words = ["levers", "--phases", phase, "--settings", "baseline", "ddim", "--seeds", "3", "4"]
    words += ["--real", tmp_path, "--work", tmp_path, "--result", result, "--device", "cpu"]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    levers.main()
    assert result.exists()
    expected = {
        "images": [("baseline", s, 2000) for s in (3, 4)] + [("ddim", s, 2000) for s in (3, 4)],
        "curve": [("baseline", 3, n) for n in levers.CURVE]
        + [("baseline", 4, n) for n in levers.CURVE if n <= 2000],
    }
    assert sorted(counts) == sorted(expected[phase])
