"""A training that diverges: the weights are the last ones that are known to be good."""

import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder


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


class Flat(nn.Sequential):
    """Neither statistics of the batch nor random numbers."""

    def __init__(self, classes):
        super().__init__(nn.Flatten(), nn.Linear(48, 8), nn.GELU(), nn.Linear(8, classes))


def sabotaged(batch):
    """A net that gives infinite logits from this batch on, counted from 1 in this process."""

    class Net(Flat):
        calls = 0

        def forward(self, images):
            self.calls += self.training
            return super().forward(images) * (float("inf") if self.calls >= batch else 1.0)

    return Net


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_loss_that_is_not_finite_stops_training_with_the_weights_of_the_epoch_before(
    trainer, source_of, tmp_path, ema_decay
):
    ours = trainer(sabotaged(7), epochs=4, ema_decay=ema_decay)
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


def killed(trainer, source, folder, updates):
    """Train for so many updates, of which there are 5 an epoch, and leave a checkpoint."""
    ours = trainer(Flat, epochs=4)
    checkpoints = CheckpointFolder(folder, ours.identity)

    class Killed:
        def save(self, state):
            checkpoints.save(state)
            if state["updates"] == updates:
                raise KeyboardInterrupt

        def load(self):
            return None

    with pytest.raises(KeyboardInterrupt):
        fit(ours, source, states=Killed(), state_seconds=0)
    return checkpoints


@pytest.mark.parametrize(("updates", "is_trained"), [(2, False), (7, True)])
def test_resumed_within_an_epoch_that_diverges_the_weights_of_the_state_are_kept(
    trainer, source_of, tmp_path, updates, is_trained
):
    checkpoints = killed(trainer, source_of(None), tmp_path, updates)
    saved = checkpoints.load()
    ours = trainer(sabotaged(2), epochs=4)
    complaint = rf"at batch {updates + 2}, .*the weights of the state that training went on from"
    with pytest.raises(InputError, match=complaint):
        fit(ours, source_of(None), states=checkpoints)
    assert ours.is_trained == is_trained
    for module, name in ((ours._model, "model"), (ours.model, "average")):
        weights = module.state_dict()
        assert all(torch.equal(weights[key], value) for key, value in saved[name].items())


def test_resumed_within_an_epoch_that_ends_the_weights_of_its_end_are_kept(
    trainer, source_of, tmp_path
):
    checkpoints = killed(trainer, source_of(None), tmp_path, updates=2)
    ours, expected = trainer(sabotaged(4), epochs=4), trainer(Flat, epochs=4)
    with pytest.raises(InputError, match=r"at batch 6, in epoch 2.*weights of the epoch before"):
        fit(ours, source_of(None), states=checkpoints)
    assert ours.is_trained

    def stop(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(expected, source_of(None), on_epoch=stop)
    same(outcome(ours, []), outcome(expected, []))


def test_a_first_epoch_that_diverges_leaves_the_weights_from_before_training(trainer, source_of):
    ours, untrained = trainer(sabotaged(3)), trainer(Flat)
    with pytest.raises(InputError, match=r"batch 3, in epoch 1.*from before training are kept"):
        fit(ours, source_of(None))
    assert not ours.is_trained
    weights = ours.model.state_dict()
    expected = untrained.model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
