"""Which layers of a step are narrowed, on a small UNet whose layers each behave otherwise."""

import math

import pytest
import torch
from torch import nn

from zeroreal.export.graphs.float8_choice import ALLOWED
from zeroreal.export.graphs.float8_linear import Float8Linear, SimulatedFloat8Linear
from zeroreal.export.graphs.float8_step import measure_layers, narrow_layers
from zeroreal.export.graphs.steps import DenoiseStep

STEPS = 6


def linear(channels, out):
    return nn.Linear(channels, out, bias=False)


class SmallUNet(nn.Module):
    """Adds up what its layers give: as it is, or as the difference of what is nearly the same."""

    def __init__(self):
        super().__init__()
        self.embedding = linear(16, 16)  # of the time
        self.plain = linear(16, 16)
        self.sensitive = linear(16, 16)
        self.thin = linear(16, 8)  # not a multiple of 16
        self.unused = linear(16, 16)
        self.blind = linear(16, 16)  # given nothing but zeros

    def forward(self, sample, timestep, encoder_hidden_states, return_dict):
        tokens = encoder_hidden_states  # [B, 5, 16]
        time = self.embedding(timestep.expand(len(tokens), 16).to(tokens.dtype))
        loud = 100 * (self.sensitive(tokens) - tokens @ self.sensitive.weight.T)
        out = 0.2 * self.plain(tokens) + loud + tokens + 1e-3 * time[:, None]
        out = out + self.thin(tokens).sum() * 1e-6 + self.blind(torch.zeros_like(tokens))
        return (out.sum((1, 2)).view(-1, 1, 1, 1) + torch.zeros_like(sample),)


def small_step():
    torch.manual_seed(3)
    return DenoiseStep(SmallUNet().requires_grad_(False).bfloat16(), None)


def inputs_of(largest=2.0):
    generator = torch.Generator().manual_seed(4)
    zeros = torch.zeros(2, 4, 8, 8)
    for number in range(STEPS):
        tokens = torch.randn(2, 5, 16, generator=generator)
        tokens = tokens / tokens.abs().max() * (largest if number == 1 else 1)
        yield {
            "latents": torch.randn(2, 4, 8, 8, generator=generator),
            "history": zeros,
            "noise": zeros,
            "timestep": torch.tensor([9.0 - number]),
            "coefficients": torch.ones(7),
            "guidance": torch.ones(2),
            "text_embeddings": tokens.bfloat16(),
        }


@pytest.fixture(name="ranges", scope="module")
def _ranges():
    return measure_layers(small_step(), list(inputs_of()))


def test_layers_are_those_that_tokens_pass_through(ranges):
    assert set(ranges) == {"plain", "sensitive", "thin", "blind"}


def test_the_largest_input_is_that_of_every_step(ranges):
    assert ranges["plain"].largest == 2.0  # at a step where no error is measured


def test_only_layers_that_suit_and_lose_little_are_narrow(ranges):
    assert {name: found.is_narrow for name, found in ranges.items()} == {
        "plain": True,
        "sensitive": False,
        "thin": False,
        "blind": False,
    }
    assert 0 < ranges["plain"].error < ALLOWED < ranges["sensitive"].error
    assert ranges["thin"].error is None
    assert ranges["blind"].largest is None


def test_measuring_leaves_the_step_as_it_was_and_gives_the_same_again(ranges):
    step, inputs = small_step(), list(inputs_of())
    before = [step(**one)[0] for one in inputs]
    assert measure_layers(step, inputs) == ranges
    assert all(torch.equal(step(**one)[0], was) for one, was in zip(inputs, before, strict=True))
    assert not step.unet._forward_hooks
    assert type(step.unet.plain) is nn.Linear


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nothing_is_narrowed_by_what_is_not_finite(value):
    inputs = list(inputs_of())
    inputs[1]["text_embeddings"][0, 0, 0] = value
    assert not any(found.is_narrow for found in measure_layers(small_step(), inputs).values())


def test_narrowing_replaces_those_layers_alone(ranges):
    for simulated, kind in ((False, Float8Linear), (True, SimulatedFloat8Linear)):
        unet = small_step().unet
        narrow_layers(unet, ranges, simulated)
        kinds = {name: type(layer) for name, layer in unet.named_children()}
        assert kinds.pop("plain") is kind
        assert set(kinds.values()) == {nn.Linear}


def test_a_single_step_suffices():
    assert measure_layers(small_step(), list(inputs_of())[:1])["plain"].is_narrow
