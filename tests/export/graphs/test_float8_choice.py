"""Which layers are chosen for 8 bits, where each puts a prediction off by what it is told."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from zeroreal.export.graphs.float8_choice import choose_layers, seen_inputs, spread

OFF = {"a": 0.010, "b": 0.018, "c": 0.012, "d": 0.005}


class Step(nn.Module):
    """Predicts a vector of norm 1, with the errors of narrow layers at right angles to it."""

    def __init__(self):
        super().__init__()
        self.unet = nn.Module()
        self.unet.forward = lambda: (self.off,)
        self.off = self.prediction([])

    @staticmethod
    def prediction(names):
        return torch.tensor([1.0, *(OFF[name] if name in names else 0.0 for name in OFF)])

    @contextmanager
    def narrowing(self, names):
        before, self.off = self.off, self.prediction(list(names))
        yield
        self.off = before

    def forward(self):
        return self.unet()


def choice(allowed):
    step = Step()
    return choose_layers(step, [{}, {}], OFF, step.narrowing, allowed)


@pytest.mark.parametrize(
    ("allowed", "narrow"),
    [
        (0.03, {"a", "b", "c", "d"}),  # together 0.0243
        (0.02, {"a", "c", "d"}),  # 0.0164: each is below, all are not
        (0.012, {"a", "d"}),  # 0.0112
        (0.006, {"d"}),
        (0.001, set()),
    ],
)
def test_the_worst_are_left_wide_until_the_others_together_are_near_enough(allowed, narrow):
    found = choice(allowed)
    assert set(found.narrow) == narrow
    assert list(found.alone) == ["b", "c", "a", "d"]
    assert dict(found.alone) == pytest.approx(OFF, rel=1e-4)
    assert found.error == pytest.approx(sum(OFF[name] ** 2 for name in narrow) ** 0.5, rel=1e-4)
    assert found.error_of_all == pytest.approx(0.02435, rel=1e-3)


def test_a_layer_with_which_nothing_is_finite_is_the_worst(monkeypatch):
    monkeypatch.setitem(OFF, "c", float("nan"))
    found = choice(0.03)
    assert next(iter(found.alone.items())) == ("c", float("inf"))
    assert set(found.narrow) == {"a", "b", "d"}


def test_what_layers_are_given_is_seen_at_every_step():
    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)
            self.image = nn.Conv2d(1, 1, 1)

        def forward(self, value):
            self.image(torch.full((1, 1, 2, 2), value))
            return (self.used(torch.full((1, 3, 2), -2 * value)),)

    unet = Unet()
    found = seen_inputs(unet, unet, [{"value": value} for value in (1.0, 3.0)])
    assert {name: (one.largest, one.dimensions) for name, one in found.items()} == {
        "used": (6.0, 3),
        "image": (3.0, 4),
    }
    assert not unet.used._forward_pre_hooks


def test_steps_are_spread_from_the_first_to_the_last():
    assert spread(range(48), 4) == [0, 16, 31, 47]
    assert spread(range(3), 4) == [0, 1, 2]
    assert spread(range(1), 4) == [0]
