"""The benchmark of recipes: what it runs, what it keeps, what it does not run again."""

import json
from pathlib import Path

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.accuracy import recipes
from zeroreal.benchmarks.accuracy.recipes import RecipesSettings, bench_recipes

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

    def run(*names, tell=lambda line: None, **settings):
        chosen = {"seeds": (10, 20), "device": "cpu", "work": tmp_path / "work", **settings}
        return bench_recipes(RecipesSettings(names or ("base",), **chosen), tell)

    return run


def test_every_recipe_has_the_mean_and_deviation_of_its_seeds(measure, ran, tmp_path):
    path, lines = tmp_path / "result.json", []
    measure("base", "merged", images_per_class=20, epochs=2, tell=lines.append, result=path)
    found = json.loads(path.read_text())
    assert list(found["results"]) == ["base", "merged"]
    assert found["results"]["base"]["mean_accuracy"] == pytest.approx(0.15)
    assert found["results"]["base"]["deviation"] == pytest.approx(0.0707107)  # 0.1 over root 2
    assert found["results"]["base"]["by_seed"] == {"10": 0.1, "20": 0.2}
    assert (found["images_per_class"], found["epochs"]) == (20, 2)
    assert found["environment"]["torch"] == torch.__version__
    assert lines[0] == "base, seed 10: 10.00 %"
    assert [(one.recipe, one.seed) for one in ran] == [
        ("base", 10),
        ("base", 20),
        ("merged", 10),
        ("merged", 20),
    ]


def test_a_finished_run_is_not_run_again(measure, ran):
    first, second = measure(), measure()
    assert first["results"] == second["results"]
    assert len(ran) == 2


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
        results = measure(real=tmp_path, epochs=epochs)["results"]
    assert results["real images"]["mean_accuracy"] == 0.5
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
