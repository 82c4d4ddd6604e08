"""A damaged checkpoint is never taken for a whole one."""

import logging

import pytest
import torch
from safetensors.torch import save_file

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder
from zeroreal.train.loop.checkpoint import NEWEST, PREVIOUS

IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3, "betas": (0.9, 0.999)}}


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


@damages
def test_of_a_corrupt_checkpoint_the_one_before_is_used_and_said_once(
    folder, tmp_path, caplog, damage, state, same
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
def test_nothing_goes_on_from_corrupt_checkpoints_alone(folder, tmp_path, damage, state):
    folder.save(state(1))
    folder.save(state(2))
    damage(tmp_path / NEWEST)
    damage(tmp_path / PREVIOUS)
    with pytest.raises(InputError, match=f"remove {NEWEST} and {PREVIOUS}"):
        folder.load()


def test_a_corrupt_checkpoint_does_not_take_the_place_of_the_one_before(
    folder, tmp_path, monkeypatch, state, same
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


def test_after_a_corrupt_checkpoint_the_next_ones_are_kept_as_usual(folder, tmp_path, state, same):
    folder.save(state(1))
    folder.save(state(2))
    truncate(tmp_path / NEWEST)
    folder.load()
    folder.save(state(3))
    folder.save(state(4))
    truncate(tmp_path / NEWEST)
    same(folder.load(), state(3))
