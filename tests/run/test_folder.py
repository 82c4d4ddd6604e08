"""Configuration files: versions, and what is wrong with them in one sentence."""

import math
from datetime import datetime

import pytest
import yaml

from zeroreal.base import InputError
from zeroreal.base.settings import build
from zeroreal.generate import GenerateSettings, load_recipe
from zeroreal.generate.plan.content import recipe_content
from zeroreal.run import folder
from zeroreal.run.folder import (
    VERSION,
    new_run_folder,
    read_config,
    read_config_file,
    write_config,
)
from zeroreal.run.layers import layered
from zeroreal.run.settings import RunSettings


class Noon(datetime):
    @classmethod
    def now(cls):
        return cls(2026, 2, 3, 12)


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("generate: {stepz: 3}", "'generate.stepz' is not a setting: did you mean 'generate.st"),
        ("steps: 3", "'steps' is not a setting: did you mean 'generate.steps'"),
        ("generate: {steps: many}", "generate.steps is 'many'"),
        ("generate: {steps: 0}", "generate: steps is 0: at least 1 is needed"),
        ("generate: {memory: 16GB2}", "generate.memory: '16GB2'"),
        ("time_budget: soon", "time_budget: 'soon'"),
        ("train: {epochs: 1.5}", "train.epochs is 1.5"),
        ("train: {degrade: {jpeg: 99}}", "train: degrade: JPEG quality is 99"),
        ("images_per_class: 0", "images per class is 0"),
        ("version: 99", "is of version 99, this zeroreal reads versions up to"),
        ("just words", "has no fields"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence_with_its_place(tmp_path, text, complaint):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=complaint) as caught:
        read_config_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("classifier", ["resnet18"], r"classifier is \['resnet18'\]: input should be a valid str"),
        ("classifier", {"name": "resnet18"}, "classifier is {'name': 'resnet18'}: input should"),
        ("seed", True, "seed is True: input should be a valid integer"),
        ("seed", 10**30, "seed 10{30} is outside"),
        ("guidance", [math.nan, 3.0], "guidance is nan to 3: give scales of 1"),
        ("guidance", [1.0, math.inf], "guidance is 1 to inf: give scales of 1"),
        ("time_budget", [], r"time_budget is \[\]"),
        ("train", 5, "train is 5: settings by their names were expected"),
        ("train", {"learning_rate": math.nan}, "learning rate is nan: it must be above 0"),
        ("gap", {"teacher_weight": "half"}, "gap.teacher_weight is 'half'"),
        ("recipe_content", 5, "has 5 as recipe_content"),
        ("recipe_content", None, "has None as recipe_content"),
        ("version", [2], r"is of version \[2\]"),
    ],
)
def test_a_field_of_a_run_of_a_wrong_type_is_named(tmp_path, name, value, complaint):
    write_config(tmp_path, RunSettings(), {})
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), name: value}))
    with pytest.raises(InputError, match=complaint) as caught:
        read_config(tmp_path)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.yaml' cannot be read .*: give a YAML file"):
        read_config_file(tmp_path / "nowhere.yaml")


def test_a_run_of_a_version_to_come_is_declined(tmp_path):
    write_config(tmp_path, RunSettings(), {})
    path = tmp_path / "config.yaml"
    content = yaml.safe_load(path.read_text())
    assert content["version"] == VERSION
    path.write_text(yaml.safe_dump({**content, "version": VERSION + 1}))
    with pytest.raises(InputError, match="use the zeroreal that wrote it, or start a new run"):
        read_config(tmp_path)


def test_fields_that_an_older_run_lacks_take_their_defaults(tmp_path):
    write_config(tmp_path, RunSettings(generate=GenerateSettings(steps=3)), {})
    path = tmp_path / "config.yaml"
    content = yaml.safe_load(path.read_text())
    del content["generate"]["negative_prompt"], content["gap"]
    path.write_text(yaml.safe_dump(content))
    assert read_config(tmp_path)[0] == RunSettings(generate=GenerateSettings(steps=3))


def test_fields_that_this_version_lacks_are_named(tmp_path):
    write_config(tmp_path, RunSettings(), {})
    path = tmp_path / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["generate"]["wings"] = 2
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"'generate\.wings' is not a setting"):
        read_config(tmp_path)


def test_options_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = written(tmp_path, "train: {epochs: 7, batch_size: 9}\ngenerate: {steps: 5}\n")
    given = {"train": {"batch_size": 11}, "seed": 4}
    settings, chosen = layered(given, path, "timm")
    assert (settings.train.epochs, settings.train.batch_size, settings.seed) == (7, 11, 4)
    assert (settings.train.optimizer, settings.generate.steps) == ("lamb", 5)
    assert chosen == {"train.epochs", "train.batch_size", "generate.steps", "seed"}


def test_the_configuration_of_a_run_serves_as_a_file(tmp_path):
    settings = RunSettings(generate=GenerateSettings(steps=3, memory=5))
    write_config(tmp_path, settings, recipe_content(load_recipe(settings.recipe)))
    assert layered({}, tmp_path / "config.yaml")[0] == settings


def test_a_recipe_that_changed_since_the_file_was_written_is_noticed(tmp_path):
    before = recipe_content(load_recipe("base"))
    write_config(tmp_path, RunSettings(), before)  # which names another recipe
    with pytest.raises(InputError, match=r"has changed since .*config.yaml' was written"):
        layered({}, tmp_path / "config.yaml")
    assert layered({"recipe": "base"}, tmp_path / "config.yaml")[0].recipe == "base"


def test_guidance_given_by_hand_is_no_change_of_the_recipe(tmp_path):
    write_config(tmp_path, RunSettings(), recipe_content(load_recipe("random-guidance")))
    path = tmp_path / "config.yaml"
    assert layered({"guidance": (3.0, 3.0)}, path)[0].guidance == (3.0, 3.0)
    write_config(tmp_path, RunSettings(), recipe_content(load_recipe("class-prompt")))
    with pytest.raises(InputError, match="has changed since"):
        layered({"guidance": (3.0, 3.0)}, path)
    settings = RunSettings(guidance=(2.0, 2.0))
    write_config(tmp_path, settings, recipe_content(load_recipe("random-guidance", (2.0, 2.0))))
    assert layered({}, path)[0] == settings


def test_values_of_a_file_make_settings(tmp_path):
    path = written(tmp_path, "classes: cat,dog\npool: {memory: 1GiB}\n")
    settings = build(RunSettings, read_config_file(path)[0])
    assert settings.classes == ("cat", "dog")
    assert settings.pool.memory == 2**30


def test_folders_are_named_after_the_time_and_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "datetime", Noon)
    made = [new_run_folder(None, "base") for _ in range(3)]
    assert [str(one) for one in made] == [
        "runs/20260203-120000-base",
        "runs/20260203-120000-base-2",
        "runs/20260203-120000-base-3",
    ]
    assert all(one.is_dir() for one in made)


def test_an_empty_folder_is_taken_and_others_are_not(tmp_path):
    (tmp_path / "empty").mkdir()
    assert new_run_folder(tmp_path / "empty", "base") == tmp_path / "empty"
    assert new_run_folder(tmp_path / "a" / "b", "base").is_dir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file: choose another"):
        new_run_folder(tmp_path / "file", "base")
    with pytest.raises(InputError, match="is not empty"):
        new_run_folder(tmp_path, "base")
    write_config(tmp_path / "empty", RunSettings(), {})
    with pytest.raises(InputError, match="already holds a run"):
        new_run_folder(tmp_path / "empty", "base")


def test_a_recipe_is_kept_by_what_decides_images():
    content = recipe_content(load_recipe("base"))
    assert content["name"] == "base"
    assert [set(leaf) for leaf in content["leaves"]] == [
        {"name", "prompt", "domains", "negative_prompt", "guidance"}
    ]
