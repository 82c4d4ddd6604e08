"""A run made again: what is the same, what is told of what is not, what is refused."""

import json
import shutil

import pytest
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings
from zeroreal.run import RunInterruptedError, RunSettings, reproduce_run, run
from zeroreal.run.folder import CONFIG
from zeroreal.run.report.summary import METRICS
from zeroreal.run.reproduce import reproduce
from zeroreal.run.reproduce.comparison import compared
from zeroreal.train import PoolSettings, TrainSettings


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A finished run of a model of its own."""
    folder = tmp_path_factory.mktemp("original")
    shutil.copytree(TINY_FASHION, folder / "model")
    settings = RunSettings(
        classes=("bag", "coat"),
        images_per_class=4,
        device="cpu",
        checkpoint_seconds=0,
        generate=GenerateSettings(
            model=str(folder / "model"),
            unet="own",
            steps=1,
            engine="torch",
            precision="fp32",
            tune="off",
            batch_size=4,
        ),
        pool=PoolSettings(blocks=1),
        train=TrainSettings(epochs=2, batch_size=4),
    )
    return run(settings, folder / "run").folder


@pytest.fixture(scope="module")
def again(original, tmp_path_factory):
    out = tmp_path_factory.mktemp("again") / "run"
    return reproduce_run(original, out)


@pytest.fixture
def copied(original, tmp_path):
    """A copy of the run, to be changed."""
    return shutil.copytree(original, tmp_path / "copy")


@pytest.fixture
def made(again, tmp_path):
    """A copy of the run that was made again, to be changed."""
    return shutil.copytree(again.again, tmp_path / "made")


def by_name(rows):
    return {row.what: row for row in rows}


def test_all_of_it_is_the_same(original, again):
    assert again.same
    found = by_name(again.results)
    assert set(found) == {
        *("images", "images left out", "samples.png", "engine", "training loss"),
        "classifier's weights",
    }
    digest = found["classifier's weights"]
    assert digest.before == digest.now
    assert found["images"].now == "8"
    content = json.loads((again.again / "reproduction.json").read_text())
    assert content["same"] is True
    assert len(content["results"]) == len(again.results)


def test_what_is_made_already_is_only_compared(original, made, monkeypatch):
    monkeypatch.setattr(reproduce, "start_run", None)
    monkeypatch.setattr(reproduce, "resume", None)
    assert reproduce_run(original, made).same


def test_one_that_was_interrupted_goes_on(original, tmp_path):
    def stop(state):
        if state.stage == "generate" and state.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(RunInterruptedError):
        reproduce_run(original, tmp_path / "out", stop)
    assert reproduce_run(original, tmp_path / "out").same


def change_weights(folder, by):
    path = folder / "classifier.safetensors"
    state = load_file(path)
    name = next(name for name, one in state.items() if one.ndim == 4)
    state[name][0, 0, 0, 0] += by
    save_file(state, path)


def test_weights_that_differ_are_told_with_how_far(original, made):
    change_weights(made, 0.25)
    found = by_name(compared(original, made).results)["classifier's weights"]
    assert not found.same
    assert "up to 0.25 apart" in found.now


def test_figures_that_differ_are_told(original, made):
    path = made / METRICS
    content = json.loads(path.read_text())
    content["training"]["loss"][1] += 0.5
    content["environment"]["torch"] = "1.0"
    path.write_text(json.dumps(content))
    found = compared(original, made)
    assert not found.same
    assert "another from epoch 2 on" in by_name(found.results)["training loss"].now
    assert by_name(found.conditions)["torch"].now == "1.0"


def test_tests_that_differ_are_told(original, made, copied):
    rows = [
        {"class": name, "images": 10, "accuracy": 0.5, "interval": [0.4, 0.6]}
        for name in ("bag", "coat")
    ]
    for folder, confusion in ((copied, [[5, 5], [5, 5]]), (made, [[6, 4], [5, 5]])):
        content = json.loads((folder / METRICS).read_text())
        right = (confusion[0][0] + confusion[1][1]) / 20
        content["test"] = {
            **{"source": "photos", "images": 20, "accuracy": right, "interval": [0.3, 0.7]},
            **{"chance": 0.5, "per_class": rows, "confusion": confusion},
        }
        (folder / METRICS).write_text(json.dumps(content))
    found = by_name(compared(copied, made).results)
    assert (found["accuracy"].before, found["accuracy"].now) == ("50.00 % of 20", "55.00 % of 20")
    assert found["predictions by class"].now == "1 moved"


def test_samples_are_compared_by_pixels(original, made):
    picture = Image.open(made / "samples.png").convert("RGB")
    red, green, blue = picture.getpixel((0, 0))
    picture.putpixel((0, 0), (red - 9 if red > 9 else red + 9, green, blue))
    picture.save(made / "samples.png")
    found = by_name(compared(original, made).results)["samples.png"]
    assert (found.same, found.now) == (False, "up to 9 of 255 apart")


def test_samples_that_are_absent_are_not_the_same(original, made):
    (made / "samples.png").unlink()
    found = compared(original, made)
    assert by_name(found.results)["samples.png"].now == "absent"
    assert not found.same


def change_config(folder, **changes):
    path = folder / CONFIG
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def test_a_model_that_changed_is_refused(copied, tmp_path):
    model = shutil.copytree(TINY_FASHION, tmp_path / "model")
    content = yaml.safe_load((copied / CONFIG).read_text())
    change_config(copied, generate={**content["generate"], "model": str(model)})
    path = max((model / "unet").iterdir(), key=lambda file: file.stat().st_size)
    weights = bytearray(path.read_bytes())
    weights[-2] ^= 1
    path.write_bytes(weights)
    with pytest.raises(InputError, match=r"model '.*' has changed since the run in .*copy"):
        reproduce_run(copied, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_changed_is_refused(copied, tmp_path):
    content = yaml.safe_load((copied / CONFIG).read_text())
    origin = {**content["recipe_content"], "description": "another"}
    change_config(copied, recipe_content=origin)
    with pytest.raises(InputError, match="recipe 'random-guidance' has changed since the run"):
        reproduce_run(copied, tmp_path / "out")


def test_a_run_with_a_time_budget_is_refused(copied, tmp_path):
    change_config(copied, time_budget=60)
    with pytest.raises(InputError, match="had a time budget, so that the clock decided"):
        reproduce_run(copied, tmp_path / "out")


def test_another_run_in_the_folder_is_refused(original, made):
    change_config(made, seed=7)
    with pytest.raises(InputError, match="holds another run than that in"):
        reproduce_run(original, made)


def test_a_folder_without_a_finished_run_is_refused(copied, tmp_path):
    (copied / METRICS).unlink()
    with pytest.raises(InputError, match="is not finished"):
        reproduce_run(copied, tmp_path / "out")
