"""A training that is killed at any update and goes on ends as if it never was."""

import logging

import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train import CheckpointFolder, Feed, ImagePool
from zeroreal.train.loop.checkpoint import NEWEST
from zeroreal.train.loop.training import Training

CPU = torch.device("cpu")
STILL = AugmentRanges()
PLAIN = {"augment": STILL, "ema_decay": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0}
RECIPES = {
    "adamw": {"accumulate": 2, "mixup": 0.2, "cutmix": 1.0, "clip_grad": 1.0},
    "sgd": {"optimizer": "sgd", "schedule": "linear", "balanced": True},
    "lamb": {"optimizer": "lamb", "loss": "binary", "ema_decay": 0.0, "cutmix": 1.0},
}


class KilledError(Exception):
    """The run is killed."""


class KilledAfter:
    """A folder of checkpoints whose training does not survive the save of this number."""

    def __init__(self, folder, saves):
        self.folder, self.left = folder, saves

    def save(self, state):
        self.folder.save(state)
        self.left -= 1
        if not self.left:
            raise KilledError

    def load(self):
        return self.folder.load()


def outcome(trainer, reports):
    """All that training leaves."""
    weights = {**trainer._model.state_dict()}
    weights |= {f"used.{name}": value for name, value in trainer.model.state_dict().items()}
    return weights, reports


def same(ours, theirs):
    assert ours[1] == theirs[1]
    assert [name for name in theirs[0] if not torch.equal(ours[0][name], theirs[0][name])] == []


def fit(trainer, source, **options):
    loader = trainer.loader(source)
    return outcome(trainer, trainer.fit(loader, **options))


@pytest.mark.parametrize("policy", [None, "oldest", "most-replayed"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_killed_after_any_update_it_ends_with_the_same_weights(
    trainer, source_of, tmp_path, recipe, policy
):
    settings = RECIPES[recipe]
    steps = []
    whole = trainer(**settings)
    expected = fit(whole, source_of(policy), on_scalars=lambda row: steps.append(row.step))
    assert steps[-1] >= 4
    for update in range(1, steps[-1] + 1):
        folder = tmp_path / str(update)
        folder.mkdir()
        checkpoints = CheckpointFolder(folder, whole.identity)
        dying = KilledAfter(checkpoints, update)
        with pytest.raises(KilledError):
            fit(trainer(**settings), source_of(policy), states=dying, state_seconds=0)
        resumed = fit(trainer(**settings), source_of(policy), states=checkpoints)
        same(resumed, expected)


def test_killed_again_and_again_with_a_corrupt_checkpoint_it_ends_with_the_same_weights(
    trainer, source_of, tmp_path, caplog
):
    expected = fit(trainer(), source_of("oldest"))
    checkpoints = CheckpointFolder(tmp_path, trainer().identity)
    for _ in range(3):
        dying = KilledAfter(checkpoints, 2)
        with pytest.raises(KilledError):
            fit(trainer(), source_of("oldest"), states=dying, state_seconds=0)
    newest = tmp_path / NEWEST
    newest.write_bytes(newest.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, "zeroreal"):
        same(fit(trainer(), source_of("oldest"), states=checkpoints), expected)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("other", "complaint"), [({"learning_rate": 0.1}, "of recipe"), ({"epochs": 3}, "of recipe")]
)
def test_the_checkpoint_of_another_recipe_is_refused(
    trainer, source_of, tmp_path, other, complaint
):
    checkpoints = CheckpointFolder(tmp_path, trainer().identity)
    fit(trainer(), source_of(None), states=checkpoints, state_seconds=0)
    changed = trainer(**other)
    with pytest.raises(InputError, match=complaint):
        fit(changed, source_of(None), states=CheckpointFolder(tmp_path, changed.identity))


class Flat(nn.Sequential):
    """Neither statistics of the batch nor random numbers."""

    def __init__(self, classes):
        super().__init__(nn.Flatten(), nn.Linear(48, 8), nn.GELU(), nn.Linear(8, classes))


def test_accumulated_batches_give_the_update_of_one_large_batch(trainer, numbered):
    settings = {**PLAIN, "optimizer": "sgd", "learning_rate": 0.1}

    def trained(**batches):
        pool = ImagePool.of(numbered.pictures(range(12)), torch.arange(12) % 2, CPU)
        return fit(trainer(Flat, **batches, **settings), pool)[0]

    large, small = trained(batch_size=6), trained(batch_size=3, accumulate=2)
    untrained = trainer(Flat, **settings)._model.state_dict()
    assert not torch.allclose(large["1.weight"], untrained["1.weight"], atol=1e-3)
    assert all(torch.allclose(small[name], large[name], atol=1e-6) for name in large)


def test_a_label_that_is_no_class_is_named_before_anything_is_trained(trainer, numbered):
    pool = ImagePool(6, 4, CPU)
    feed = Feed(numbered(), numbered.plan(6, classes=3), pool, block=3)
    ours = trainer()
    untrained = {name: value.clone() for name, value in ours._model.state_dict().items()}
    with pytest.raises(InputError, match="label 2 is outside the 2 classes: labels must be 0 to 1"):
        fit(ours, feed)
    assert all(torch.equal(untrained[n], v) for n, v in ours._model.state_dict().items())


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", RECIPES)
def test_no_step_on_a_gpu_waits_for_the_device(trainer, numbered, recipe):
    ours = trainer(device="cuda", precision="bf16", batch_size=4, **RECIPES[recipe])
    pool = ImagePool.of(numbered.pictures(range(16)), torch.arange(16) % 2, ours.device)
    training = Training(
        ours._model, ours.loader(pool), ours.settings, num_classes=2, dtype=ours.dtype, seed=0
    )
    training.epoch()  # allocates
    torch.cuda.set_sync_debug_mode("error")
    try:
        for images, labels in training._loader:
            training._add_gradients(images, labels)
            training._update()
    finally:
        torch.cuda.set_sync_debug_mode("default")
