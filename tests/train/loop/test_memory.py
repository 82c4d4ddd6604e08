"""Memory that runs out in training: half a batch at a time, to the same weights, or a sentence."""

import logging

import pytest
import torch
from torch import nn

from zeroreal.base import InputError

MANY = {"batch_size": 8, "epochs": 2}


class Filling(torch.autograd.Function):
    """Does nothing, but for more than `most` images it has no memory, on one of two ways."""

    most, way, seen = 0, "", []

    @staticmethod
    def forward(ctx, images):
        Filling.seen.append(len(images))
        Filling.check(images, "forward")
        return images.clone()

    @staticmethod
    def backward(ctx, gradient):
        Filling.check(gradient, "backward")
        return gradient

    @staticmethod
    def check(images, way):
        if way == Filling.way and len(images) > Filling.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


class Limited(nn.Module):
    """A net that has as much memory as `Filling` says; the last layer has gradients before that."""

    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Linear(64, classes)

    def forward(self, images):
        return self.last(Filling.apply(self.first(images).relu()).flatten(1))


@pytest.fixture
def fit(trainer, source_of, monkeypatch):
    """A function that trains with memory for so many images at a time; its weights."""

    def run(most, way="forward", **settings):
        for name, value in {"most": most, "way": way, "seen": []}.items():
            monkeypatch.setattr(Filling, name, value)
        ours = trainer(Limited, **{**MANY, **settings})
        ours.fit(source_of(None))
        return ours.model.state_dict()

    return run


@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("most", [7, 4, 3, 2])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_batches_that_do_not_fit_are_halved_to_the_same_weights(fit, caplog, way, most, accumulate):
    settings = {"accumulate": accumulate, "mixup": 0.2, "clip_grad": 1.0}
    expected = fit(99, **settings)
    with caplog.at_level(logging.WARNING, "zeroreal"):
        found = fit(most, way, **settings)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=1e-6), name
    halvings = {7: 1, 4: 1, 3: 2, 2: 2}[most]
    assert caplog.text.count("ran out of memory: from here on batches are taken in") == halvings
    assert Filling.seen[: halvings + 1] == [8, 4, 2][: halvings + 1]
    assert max(Filling.seen[halvings:]) <= most


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_where_two_images_do_not_fit_one_sentence_says_so(fit, way):
    with pytest.raises(InputError, match="out of memory while training on 2 images at") as caught:
        fit(1, way)
    assert "\n" not in str(caught.value)


def test_gradients_of_other_batches_are_not_lost(fit, monkeypatch):
    """Memory runs out in the second batch of a group: what it added cannot be told apart."""
    check = Filling.check

    def run_out_later(images, way):
        Filling.most = 99 if len(Filling.seen) < 2 else 4
        check(images, way)

    monkeypatch.setattr(Filling, "check", run_out_later)
    with pytest.raises(InputError, match="accumulate gradients over more"):
        fit(4, accumulate=2, batch_size=7)


def test_memory_that_runs_out_in_the_optimiser_is_told(trainer, source_of, monkeypatch):
    ours = trainer()

    def run_out(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8")

    monkeypatch.setattr(torch.optim.AdamW, "step", run_out)
    with pytest.raises(InputError, match="out of memory in a training step"):
        ours.fit(source_of(None))


def test_other_errors_are_raised_as_they_are(trainer, source_of, monkeypatch):
    def break_down(images):
        raise RuntimeError("no convolution today")

    ours = trainer(Limited)
    monkeypatch.setattr(Filling, "apply", break_down)
    with pytest.raises(RuntimeError, match="no convolution today"):
        ours.fit(source_of(None))
