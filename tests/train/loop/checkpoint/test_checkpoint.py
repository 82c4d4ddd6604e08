"""Checkpoints: a state comes back to the bit, and is refused by another training."""

import pytest

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder

IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3, "betas": (0.9, 0.999)}}


def test_a_state_comes_back_to_the_bit(folder, state, same):
    assert folder.load() is None
    for number in range(3):
        folder.save(state(number))
    same(folder.load(), state(2))


@pytest.mark.parametrize("saved", [1, 2])
def test_a_run_that_is_killed_while_it_saves_keeps_the_checkpoint_before(
    folder, tmp_path, monkeypatch, saved, state, same
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
def test_the_checkpoint_of_another_training_is_refused(folder, tmp_path, other, complaint, state):
    folder.save(state(1))
    with pytest.raises(InputError, match=complaint):
        CheckpointFolder(tmp_path, other).load()


def test_removed_checkpoints_are_gone(folder, tmp_path, state):
    folder.save(state(1))
    folder.save(state(2))
    folder.remove()
    folder.remove()
    assert folder.load() is None
    assert list(tmp_path.iterdir()) == []
