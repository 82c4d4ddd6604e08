"""A training that is killed at any update and goes on ends as if it never was."""

import logging

import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train import CheckpointFolder, Feed, ImagePool, Trainer, TrainSettings
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


class Net(nn.Sequential):
    """A convolution's weights in channels-last, running statistics, random numbers."""

    def __init__(self, classes):
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(4, 4, 2),
            nn.Flatten(),
            nn.Linear(36, classes),
        )


@pytest.fixture
def trainer(monkeypatch):
    """A function that makes a trainer of a small net for 2 classes of 4 pixels."""

    def make(net=Net, **settings):
        monkeypatch.setattr(
            "zeroreal.train.trainer.create_classifier", lambda name, classes, size: net(classes)
        )
        settings = TrainSettings(**{"epochs": 2, "batch_size": 3, **settings})
        options = {"device": "cpu", "precision": "fp32", "seed": 7}
        return Trainer("net", num_classes=2, image_size=4, settings=settings, **options)

    return make


@pytest.fixture
def source_of(numbered):
    """A function that makes what is trained on: a full pool, or a feed that replaces images."""

    def make(policy):
        if policy is None:
            labels = torch.arange(14) % 2
            return ImagePool.of(numbered.pictures(range(14)), labels, CPU)
        pool = ImagePool(6, 4, CPU, spare=4)
        return Feed(numbered(), numbered.plan(12), pool, block=4, policy=policy, mode="overlap")

    return make


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


class Sabotaged(Flat):
    """Gives infinite logits from its seventh batch on."""

    calls = 0

    def forward(self, images):
        if self.training:
            self.calls += 1
        return super().forward(images) * (float("inf") if self.calls >= 7 else 1.0)


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_loss_that_is_not_finite_stops_training_with_the_weights_of_the_epoch_before(
    trainer, source_of, tmp_path, ema_decay
):
    ours = trainer(Sabotaged, epochs=4, ema_decay=ema_decay)
    epochs = []
    checkpoints = CheckpointFolder(tmp_path, ours.identity)

    def keep(report):
        weights, _ = outcome(ours, [])
        epochs.append({name: value.clone() for name, value in weights.items()})

    with pytest.raises(InputError, match=r"batch 7, in epoch 2.*epoch before are kept") as caught:
        fit(ours, source_of(None), on_epoch=keep, states=checkpoints, state_seconds=0)
    assert "\n" not in str(caught.value)
    same(outcome(ours, []), (epochs[-1], []))
    assert len(epochs) == 1
    # What a run would go on from is from before.
    saved = checkpoints.load()
    assert saved["updates"] == 6
    assert all(value.isfinite().all() for value in saved["model"].values())


class Derailed(Flat):
    """Its tenth batch, the last of two epochs, has a finite loss and gradients that are not."""

    calls = 0

    def forward(self, images):
        logits = super().forward(images)
        if self.training:
            self.calls += 1
            if self.calls == 10:
                logits.register_hook(lambda gradient: gradient * float("nan"))
        return logits


def test_gradients_that_are_not_finite_in_the_last_update_are_noticed(trainer, source_of, tmp_path):
    ours = trainer(Derailed)
    checkpoints = CheckpointFolder(tmp_path, ours.identity)
    with pytest.raises(InputError, match="a weight is not finite after batch 10, in epoch 2"):
        fit(ours, source_of(None), states=checkpoints, state_seconds=0)
    assert all(value.isfinite().all() for value in ours.model.state_dict().values())
    saved = checkpoints.load()
    assert saved["updates"] == 9
    assert all(value.isfinite().all() for value in saved["model"].values())


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
def test_no_step_on_a_gpu_waits_for_the_device(monkeypatch, numbered, recipe):
    monkeypatch.setattr(
        "zeroreal.train.trainer.create_classifier", lambda name, classes, size: Net(classes)
    )
    settings = TrainSettings(epochs=2, batch_size=4, **RECIPES[recipe])
    options = {"device": "cuda", "precision": "bf16", "settings": settings}
    ours = Trainer("net", num_classes=2, image_size=4, **options)
    pool = ImagePool.of(numbered.pictures(range(16)), torch.arange(16) % 2, ours.device)
    training = Training(
        ours._model, ours.loader(pool), settings, num_classes=2, dtype=ours.dtype, seed=0
    )
    training.epoch()  # allocates
    torch.cuda.set_sync_debug_mode("error")
    try:
        for images, labels in training._loader:
            training._add_gradients(images, labels)
            training._update()
    finally:
        torch.cuda.set_sync_debug_mode("default")
