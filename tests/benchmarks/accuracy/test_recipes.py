"""The benchmark of recipes: what it runs, what it keeps, what it does not run again."""

import json
from pathlib import Path

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.progress import StageProgress
from zeroreal.benchmarks.accuracy import recipes
from zeroreal.benchmarks.accuracy.recipes import measure_recipes
from zeroreal.benchmarks.accuracy.settings import RecipesSettings
from zeroreal.benchmarks.harness import Progress
from zeroreal.run import RunInterruptedError

FINISHED = Path(__file__).parents[2] / "fixtures" / "run-version-1" / "finished" / "metrics.json"


@pytest.fixture
def ran(monkeypatch):
    """Settings of the runs; each is finished at once, with its seed as percent of accuracy."""
    done = []

    def run(settings, folder, on_progress):
        done.append(settings)
        folder.mkdir(parents=True)
        metrics = json.loads(FINISHED.read_text())
        test = {"source": "photos", "images": 10, "chance": 0.1, "interval": [0, 1]}
        test |= {"accuracy": settings.seed / 100, "per_class": [], "confusion": []}
        (folder / "metrics.json").write_text(json.dumps({**metrics, "test": test}))

    monkeypatch.setattr(recipes, "run", run)
    return done


@pytest.fixture
def measure(tmp_path):
    """A function that measures recipe `base` with two seeds."""

    def run(*names, tell=lambda line: None, keep=lambda figures: None, **settings):
        chosen = {"seeds": (10, 20), "device": "cpu", "work": tmp_path / "work", **settings}
        return measure_recipes(RecipesSettings(names or ("base",), **chosen), Progress(tell, keep))

    return run


def test_every_recipe_has_the_accuracy_of_each_seed(measure, ran):
    lines, kept = [], []
    found = measure(
        "base", "merged", images_per_class=20, epochs=2, tell=lines.append, keep=kept.append
    )
    assert [row.name for row in found.rows] == ["base", "merged"]
    accuracy = found.rows[0].metrics["accuracy"]
    assert (accuracy.values, accuracy.unit, accuracy.better) == ((0.1, 0.2), "1", "higher")
    assert found.rows[0].facts["seeds"] == [10, 20]
    assert (found.facts["images"], found.facts["epochs"]) == (200, 2)
    assert lines[0] == "base, seed 10: 10.00 %"
    assert [(one.recipe, one.seed) for one in ran] == [
        ("base", 10),
        ("base", 20),
        ("merged", 10),
        ("merged", 20),
    ]
    assert found.finished
    assert [one.finished for one in kept] == [False] * 4


def test_a_finished_run_is_not_run_again(measure, ran):
    first, second = measure(), measure()
    assert first.rows == second.rows
    assert len(ran) == 2


def test_an_interrupted_run_leaves_those_that_are_finished(measure, ran, monkeypatch, tmp_path):
    finish = recipes.run

    def run(settings, folder, on_progress):
        if settings.seed == 20:
            raise RunInterruptedError(tmp_path, 1, 2)
        finish(settings, folder, on_progress)

    monkeypatch.setattr(recipes, "run", run)
    found = measure()
    assert not found.finished
    assert [row.metrics["accuracy"].values for row in found.rows] == [(0.1,)]


def test_each_stage_of_a_run_is_told_once(measure, ran, monkeypatch):
    finish, lines = recipes.run, []

    def run(settings, folder, on_progress):
        for done in range(3):
            on_progress(StageProgress("denoise", done, 3))
        finish(settings, folder, on_progress)

    monkeypatch.setattr(recipes, "run", run)
    measure(seeds=(10,), tell=lines.append)
    assert lines == ["base, seed 10: denoise", "base, seed 10: 10.00 %"]


@pytest.mark.parametrize(
    "changed", [{"epochs": 2}, {"classifier": "resnet18"}, {"images_per_class": 20}]
)
def test_under_other_settings_it_is_run_again(measure, ran, changed):
    measure()
    measure(**changed)
    assert len(ran) == 4


def test_a_recipe_file_that_changed_is_run_again(measure, ran, tmp_path):
    recipe = tmp_path / "mine.yaml"
    for prompt in ("a photo of {class}", "a drawing of {class}"):
        recipe.write_text(f"prompt: {prompt}\n")
        measure(str(recipe))
    assert len(ran) == 4


def test_real_images_are_a_row_of_their_own_and_kept_by_settings(
    measure, ran, tmp_path, monkeypatch
):
    trained = []

    def train_on_real(settings, source):
        trained.append((settings.seed, settings.train.epochs))
        return 0.5

    monkeypatch.setattr(recipes, "_train_on_real", train_on_real)
    for epochs in (1, 1, 2):
        row = measure(real=tmp_path, epochs=epochs).rows[-1]
        assert (row.name, row.metrics["accuracy"].values) == ("real images", (0.5, 0.5))
    assert trained == [(10, 1), (20, 1), (10, 2), (20, 2)]


def test_as_many_real_images_of_each_class_are_drawn(monkeypatch):
    labels = torch.arange(10).repeat(6)
    images = labels.to(torch.uint8)[:, None, None].expand(-1, 28, 28)
    monkeypatch.setattr(recipes, "load_fashion_mnist", lambda folder, split: (images, labels))
    drawn, their = recipes.real_training_images(None, 4, 32, seed=1)
    assert drawn.shape == (40, 32, 32, 3)
    assert their.bincount().tolist() == [4] * 10
    assert torch.equal(drawn[:, 16, 16, 0].long(), their)


def test_bad_settings_get_one_sentence(measure, ran):
    with pytest.raises(InputError, match="images per class is 0: at least 1 is needed"):
        measure(images_per_class=0)
    with pytest.raises(InputError, match="unknown recipe 'basic'"):
        measure("basic")
