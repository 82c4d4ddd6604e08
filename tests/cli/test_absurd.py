"""Files that hold what cannot be: the command ends with one sentence and status 2."""

import json
import pwd
import shutil

import pytest
import yaml

from zeroreal.assets import TINY_FASHION

FEW = [
    *("run", "--classes", "coat,bag", "-n", "2", "--steps", "1", "--epochs", "1"),
    *("--device", "cpu", "--precision", "fp32", "--tune", "off", "--engine", "torch"),
]


@pytest.mark.parametrize(
    ("file", "field", "value", "complaint"),
    [
        ("scheduler/scheduler_config.json", "beta_start", -1.0, "has -1.0 as 'beta_start'"),
        ("unet/config.json", "norm_num_groups", 0, "has 0 as 'norm_num_groups'"),
        ("model_index.json", "vae", 5, "has 5 as 'vae'"),
    ],
)
def test_a_model_is_refused_by_file_and_field(
    command, tmp_path, monkeypatch, file, field, value, complaint
):
    monkeypatch.chdir(tmp_path)
    model = shutil.copytree(TINY_FASHION, tmp_path / "model")
    path = model / file
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    done = command(*FEW, "--model", model)
    assert done.returncode == 2, done.stderr
    assert f"model file '{path}' {complaint}" in done.shown
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_a_run_with_a_list_for_its_classifier_is_not_resumed(command, finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    path = folder / "config.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "classifier": ["resnet18"]}))
    done = command("run", "--resume", folder)
    assert done.returncode == 2, done.stderr
    assert "classifier is ['resnet18']: input should be a valid string" in done.shown


@pytest.mark.parametrize("scale", ["nan", "inf", "1:nan", "1e9", "-inf"])
def test_guidance_is_a_number(command, tmp_path, monkeypatch, scale):
    monkeypatch.chdir(tmp_path)
    done = command(*FEW, "--guidance", scale)
    assert done.returncode == 2, done.stderr
    assert "give scales of 1, which is no guidance" in done.shown
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_home_folder_is_told_what_to_set(command, monkeypatch):
    def unknown_user(number):
        raise KeyError(number)

    for name in ("HOME", "ZEROREAL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown_user)
    done = command("cache", "list")
    assert done.returncode == 2, done.stderr
    assert "this user has no home folder: set ZEROREAL_CACHE" in done.shown
