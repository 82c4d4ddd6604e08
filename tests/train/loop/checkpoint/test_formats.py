"""Checkpoints of other versions: what is new at its default is no difference, the rest is named."""

import hashlib
import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder, TrainSettings
from zeroreal.train.loop.checkpoint import NEWEST


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


def test_a_checkpoint_without_a_version_is_of_the_first_format(folder, tmp_path, state, same):
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
def test_a_checkpoint_of_another_format_gets_one_sentence(
    folder, tmp_path, change, complaint, state
):
    folder.save(state(1))
    rewritten(tmp_path / NEWEST, change)
    with pytest.raises(InputError, match=f"{NEWEST}'.* {complaint}.*go on with the ver") as caught:
        folder.load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"identity": [5]}, r"is of \[5\], which names no training"),
        ({"state": {"items": [["a"]]}}, "where keys with their values belong"),
        ({"state": {"items": [[[], 1]]}}, "where keys with their values belong"),
        ({"state": {"tensor": []}}, "lacks 'items'"),
    ],
)
def test_content_that_no_version_wrote_gets_one_sentence(
    folder, tmp_path, change, complaint, state
):
    folder.save(state(1))
    rewritten(tmp_path / NEWEST, lambda content: content.update(change))
    with pytest.raises(InputError, match=complaint):
        folder.load()


@pytest.fixture
def load_with(tmp_path, state):
    """The state that a training with the recipe `ours` loads where another one `saved` it."""

    def run(saved, ours):
        CheckpointFolder(tmp_path, {"recipe": saved}).save(state(1))
        return CheckpointFolder(tmp_path, {"recipe": ours}).load()

    return run


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


@pytest.mark.parametrize("removed", ["mixup", "augment.rotate", "degrade.jpeg", "degrade"])
def test_a_setting_that_is_new_and_at_its_default_is_no_difference(removed, state, same, load_with):
    same(load_with(older_recipe(removed), recipe()), state(1))


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
    removed, changes, complaint, load_with
):
    with pytest.raises(InputError, match=complaint):
        load_with(older_recipe(removed), recipe(**changes))


def test_a_setting_that_this_version_does_not_have_is_named(load_with):
    complaint = r"recipe with sharpness 0.05, this training has \(nothing\)"
    with pytest.raises(InputError, match=complaint):
        load_with(recipe(sharpness=0.05), recipe())


def test_files_are_found_again_by_versions_to_come(folder, tmp_path, state):
    folder.save(state(1))
    folder.save(state(2))
    names = {"checkpoint.safetensors", "checkpoint-previous.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for path in tmp_path.iterdir():
        with safe_open(path, framework="pt") as file:
            assert set(file.metadata()) == {"state", "sha256"}
