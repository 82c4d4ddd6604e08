"""Checkpoints: a state comes back to the bit, and a damaged file is never taken for a whole one."""

import hashlib
import json
import logging
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder, TrainSettings
from zeroreal.train.loop.checkpoint import NEWEST, PREVIOUS

IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3, "betas": (0.9, 0.999)}}


def state(number):
    weight = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last) + number
    return {
        "weights": {"a": weight, "shared": weight, "half": weight.bfloat16()},
        "moments": {0: {"step": torch.tensor(3.0)}, 1: {}},
        "flags": [True, None, "text", 0.1 + 0.2, 2**60],
        "random": torch.get_rng_state(),
        "empty": torch.empty(0, 3),
        "integers": torch.tensor([1, -(2**40)]),
        "number": number,
    }


def same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            same(ours[key], value)
    elif isinstance(theirs, list):
        for our, their in zip(ours, theirs, strict=True):
            same(our, their)
    else:
        assert ours == theirs


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path, IDENTITY)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def flip_in_weights(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def flip_in_state(path):
    content = path.read_bytes()
    assert content.count(b"number") == 1
    path.write_bytes(content.replace(b"number", b"nunber"))


def drop_header(path):
    save_file({"0": torch.zeros(3)}, path)


damages = pytest.mark.parametrize(
    "damage", [truncate, empty, flip_in_weights, flip_in_state, drop_header]
)


def test_a_state_comes_back_to_the_bit(folder):
    assert folder.load() is None
    for number in range(3):
        folder.save(state(number))
    same(folder.load(), state(2))


@damages
def test_of_a_corrupt_checkpoint_the_one_before_is_used_and_said_once(
    folder, tmp_path, caplog, damage
):
    folder.save(state(1))
    folder.save(state(2))
    damage(tmp_path / NEWEST)
    with caplog.at_level(logging.WARNING, "zeroreal"):
        same(folder.load(), state(1))
    (record,) = caplog.records
    assert NEWEST in record.getMessage()
    assert "corrupt" in record.getMessage()
    assert "\n" not in record.getMessage()


@damages
def test_nothing_goes_on_from_corrupt_checkpoints_alone(folder, tmp_path, damage):
    folder.save(state(1))
    folder.save(state(2))
    damage(tmp_path / NEWEST)
    damage(tmp_path / PREVIOUS)
    with pytest.raises(InputError, match=f"remove {NEWEST} and {PREVIOUS}"):
        folder.load()


def test_a_corrupt_checkpoint_does_not_take_the_place_of_the_one_before(
    folder, tmp_path, monkeypatch
):
    """The run that went on from the one before is killed while it saves for the first time."""
    folder.save(state(1))
    folder.save(state(2))
    truncate(tmp_path / NEWEST)
    resumed = CheckpointFolder(tmp_path, IDENTITY)
    resumed.load()

    def killed(path, content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("zeroreal.train.loop.checkpoint.write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            resumed.save(state(3))
    same(CheckpointFolder(tmp_path, IDENTITY).load(), state(1))


@pytest.mark.parametrize("saved", [1, 2])
def test_a_run_that_is_killed_while_it_saves_keeps_the_checkpoint_before(
    folder, tmp_path, monkeypatch, saved
):
    for number in range(saved):
        folder.save(state(number))

    def killed(path, content):
        path.with_name(f".{path.name}.1.tmp").write_bytes(content[: len(content) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("zeroreal.train.loop.checkpoint.write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.save(state(9))
    same(folder.load(), state(saved - 1))
    folder.save(state(10))
    same(folder.load(), state(10))


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({**IDENTITY, "classifier": "resnet50"}, "of classifier 'resnet18', this .* 'resnet50'"),
        ({**IDENTITY, "recipe": {"epochs": 4}}, "of recipe"),
        ({**IDENTITY, "seed": 3}, "of seed None, this training has 3"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(folder, tmp_path, other, complaint):
    folder.save(state(1))
    with pytest.raises(InputError, match=complaint):
        CheckpointFolder(tmp_path, other).load()


def test_removed_checkpoints_are_gone(folder, tmp_path):
    folder.save(state(1))
    folder.save(state(2))
    folder.remove()
    folder.remove()
    assert folder.load() is None
    assert list(tmp_path.iterdir()) == []


def rewritten(path, change):
    """A whole file whose content is changed: what another version may write."""
    with safe_open(path, framework="pt") as file:
        content = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(content)
    text = json.dumps(content)
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    save_file(tensors, path, {"state": text, "sha256": digest.hexdigest()})


def test_a_checkpoint_without_a_version_is_of_the_first_format(folder, tmp_path):
    folder.save(state(1))
    rewritten(tmp_path / NEWEST, lambda content: content.pop("version"))
    same(folder.load(), state(1))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: content.update(version=2), "has format version 2, not 1"),
        (lambda content: content.pop("identity"), "lacks 'identity'"),
        (lambda content: content.update(codec="zstd"), "has the unknown 'codec'"),
        (lambda content: content.update(state={"tensor": "none"}), "in its state, lacks 'items'"),
    ],
)
def test_a_checkpoint_of_another_format_gets_one_sentence(folder, tmp_path, change, complaint):
    folder.save(state(1))
    rewritten(tmp_path / NEWEST, change)
    with pytest.raises(InputError, match=f"{NEWEST}'.* {complaint}.*go on with the ver") as caught:
        folder.load()
    assert "\n" not in str(caught.value)


def load_with(folder, saved, ours):
    """The state that a training with the recipe `ours` loads where another one `saved` it."""
    CheckpointFolder(folder, {"recipe": saved}).save(state(1))
    return CheckpointFolder(folder, {"recipe": ours}).load()


def recipe(**changes):
    return {**asdict(TrainSettings()), **changes}


def older_recipe(removed):
    """The default recipe as it was written before a newer version added a setting."""
    written = json.loads(json.dumps(recipe()))
    *parents, name = removed.split(".")
    owner = written
    for parent in parents:
        owner = owner[parent]
    del owner[name]
    return written


@pytest.mark.parametrize("removed", ["mixup", "augment.erase", "degrade.jpeg", "degrade"])
def test_a_setting_that_is_new_and_at_its_default_is_no_difference(tmp_path, removed):
    same(load_with(tmp_path, older_recipe(removed), recipe()), state(1))


@pytest.mark.parametrize(
    ("removed", "changes", "complaint"),
    [
        ("mixup", {"mixup": 0.2}, "recipe with mixup 0.0, this training has 0.2"),
        (
            "augment.erase",
            {"augment": asdict(replace(TrainSettings().augment, erase=0.5))},
            "recipe with augment.erase 0.0, this training has 0.5",
        ),
    ],
)
def test_a_setting_that_is_new_and_not_at_its_default_is_named(
    tmp_path, removed, changes, complaint
):
    with pytest.raises(InputError, match=complaint):
        load_with(tmp_path, older_recipe(removed), recipe(**changes))


def test_a_setting_that_this_version_does_not_have_is_named(tmp_path):
    complaint = r"recipe with sharpness 0.05, this training has \(nothing\)"
    with pytest.raises(InputError, match=complaint):
        load_with(tmp_path, recipe(sharpness=0.05), recipe())


def test_files_are_found_again_by_versions_to_come(folder, tmp_path):
    folder.save(state(1))
    folder.save(state(2))
    names = {"checkpoint.safetensors", "checkpoint-previous.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for path in tmp_path.iterdir():
        with safe_open(path, framework="pt") as file:
            assert set(file.metadata()) == {"state", "sha256"}


def test_after_a_corrupt_checkpoint_the_next_ones_are_kept_as_usual(folder, tmp_path):
    folder.save(state(1))
    folder.save(state(2))
    truncate(tmp_path / NEWEST)
    folder.load()
    folder.save(state(3))
    folder.save(state(4))
    truncate(tmp_path / NEWEST)
    same(folder.load(), state(3))
