"""What decides a run beside its settings: models, rounding, paths, and rights and room on disk."""

import logging
import math
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.base.ranks import Ranks
from zeroreal.base.settings import plain
from zeroreal.generate import GenerateSettings
from zeroreal.run import RunInterruptedError, RunSettings, resume, run
from zeroreal.run import room as room_module
from zeroreal.run.folder import CONFIG, check_out, check_rights
from zeroreal.run.paths import with_absolute_paths
from zeroreal.run.preparation import prepare
from zeroreal.run.room import bytes_needed, check_room
from zeroreal.train import PoolSettings, TrainSettings

SETTINGS = RunSettings(
    classes=("bag", "coat"),
    images_per_class=4,
    device="cpu",
    checkpoint_seconds=0,
    generate=GenerateSettings(
        model="model",
        unet="own",
        steps=1,
        engine="torch",
        precision="fp32",
        tune="off",
        batch_size=4,
    ),
    pool=PoolSettings(blocks=1),
    train=TrainSettings(epochs=1, batch_size=4),
)


def stop(state):
    if state.stage == "generate" and state.done == 4:
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder in which a run was begun with relative paths and stopped."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(TINY_FASHION, folder / "model")
    before = Path.cwd()
    os.chdir(folder)
    try:
        with pytest.raises(RunInterruptedError):
            run(SETTINGS, "run", stop)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def begun(stopped, tmp_path):
    """A copy of it whose configuration says where it is."""
    shutil.copytree(stopped, tmp_path / "all")
    config = tmp_path / "all" / "run" / CONFIG
    config.write_text(config.read_text().replace(str(stopped), str(tmp_path / "all")))
    return tmp_path / "all"


def change(folder, **changes):
    """Change the configuration of the run in `folder`."""
    path = folder / "run" / CONFIG
    content = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        (content if name in content else content["generate"])[name] = value
    path.write_text(yaml.safe_dump(content))


def test_it_goes_on_from_another_folder(begun, monkeypatch, tmp_path, caplog):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert resume(begun / "run").summary.images == 8
    assert "rounding" not in caplog.text
    assert not (begun / "run" / "generated").exists()


@pytest.mark.parametrize("part", ["unet", "scheduler", "tokenizer"])
def test_a_model_that_changed_between_the_halves_is_noticed(begun, part):
    path = max((begun / "model" / part).iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(path.read_bytes())
    if part == "unet":
        content[-2] ^= 1  # of a weight
    path.write_bytes(content + (b"" if part == "unet" else b"\n"))
    with pytest.raises(InputError, match=r"model '.*model' has changed since the run in .* began"):
        resume(begun / "run")


def test_settings_that_changed_between_the_halves_are_noticed(begun):
    change(begun, steps=2)
    with pytest.raises(InputError, match="holds images of steps 1, this run has 2: restore config"):
        resume(begun / "run")


def test_another_number_of_threads_is_told(begun, caplog):
    threads = torch.get_num_threads() + 5
    path = begun / "run" / CONFIG
    path.write_text(path.read_text().replace(f"threads: {threads - 5}", f"threads: {threads}"))
    with caplog.at_level(logging.WARNING):
        resume(begun / "run")
    assert f"began with threads {threads}, and goes on with {threads - 5}" in caplog.text


def test_paths_become_absolute_and_names_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "own", "owner", "base"):
        (tmp_path / name).mkdir()
    for name in ("mine.yaml", "lora.safetensors", "owner/lora.safetensors"):
        (tmp_path / name).touch()
    given = plain(RunSettings())
    given |= {"data": "photos", "recipe": "mine.yaml", "images": "photos/{0..3}.tar"}
    given["gap"] = {**given["gap"], "teacher": "openai/clip"}
    loras = ["lora.safetensors:0.5", "owner/lora.safetensors", "elsewhere/lora.safetensors"]
    given["generate"] = {**given["generate"], "unet": "own", "vae": "tiny", "lora": loras}
    found = with_absolute_paths(given)
    assert found["data"] == str(tmp_path / "photos")
    assert found["recipe"] == str(tmp_path / "mine.yaml")
    assert found["images"] == str(tmp_path / "photos/{0..3}.tar")
    assert found["gap"]["teacher"] == "openai/clip"
    (tmp_path / "embedded").mkdir()
    given["gap"] = {**given["gap"], "teacher": "embedded"}
    assert with_absolute_paths(given)["gap"]["teacher"] == "embedded"
    assert (found["generate"]["unet"], found["generate"]["vae"]) == ("own", "tiny")
    assert found["generate"]["model"] is None
    assert found["generate"]["lora"] == [
        str(tmp_path / "lora.safetensors:0.5"),
        str(tmp_path / "owner/lora.safetensors"),
        "elsewhere/lora.safetensors",
    ]
    assert with_absolute_paths({**given, "recipe": "base"})["recipe"] == "base"
    assert given["data"] == "photos"


@pytest.mark.parametrize("check", [check_out, check_rights])
def test_a_folder_that_cannot_be_written_is_told_before_any_work(check, tmp_path):
    check(tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written \('.*/file': Not a directory\)"):
        check(tmp_path / "file" / "run")
    if Path("/proc/self").is_dir():  # where root may not write either
        with pytest.raises(InputError, match=r"'/proc/self/run' cannot be written"):
            check(Path("/proc/self/run"))


@pytest.fixture(scope="module")
def parts():
    """Of a run of 32 images of 32 pixels, 24 of which are held at once."""
    pool = PoolSettings(blocks=3, memory=24 * 32 * 32 * 3, policy="oldest")
    generate = replace(SETTINGS.generate, model=None)
    settings = replace(SETTINGS, images_per_class=16, pool=pool, generate=generate)
    return prepare(settings, lambda progress: None, Ranks.current())


def test_room_on_disk_is_checked_before_any_work(parts, tmp_path, monkeypatch):
    weights = sum(value.nbytes for value in parts.trainer.model.state_dict().values())
    images = 24 * 3 * 32 * 32
    needed = bytes_needed(parts)
    assert needed - images - room_module._REPORT_BYTES == weights * (1 + 2 * 4)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda place: usage(needed))
    check_room(parts, tmp_path / "new")
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda place: usage(needed - 1))
    with pytest.raises(InputError, match=r"MB of room, and the run may need .*seconds inf"):
        check_room(parts, tmp_path / "new")
    (tmp_path / "saved before").write_bytes(b"1")
    check_room(parts, tmp_path)


def test_a_run_that_saves_nothing_on_the_way_needs_little(parts):
    unsaved = replace(parts, settings=replace(parts.settings, checkpoint_seconds=math.inf))
    assert bytes_needed(unsaved) < bytes_needed(parts) / 2
