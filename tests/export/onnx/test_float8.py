"""8-bit floats in PyTorch, against numpy's, and the choice of layers, against a formula."""

import math

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.export.graphs.float8_choice import spread
from zeroreal.export.onnx.float8 import Scales, in_fp8, rounded, scale_for
from zeroreal.export.onnx.float8_layers import choose_fp8_layers


@pytest.mark.parametrize(
    ("largest", "scale"),
    [(448, 1), (448.1, 2), (224, 0.5), (1, 2**-8), (60000, 256), (1e-9, 2**-14), (1e9, 2**14)],
)
def test_scales_are_the_least_powers_of_two_that_float16_can_divide_by(largest, scale):
    assert scale_for(largest) == scale


def test_values_are_rounded_as_numpy_s_are_and_saturate():
    values = torch.randn(4096, generator=torch.Generator().manual_seed(0)) * 20
    scale = 2**-4  # of up to 28
    expected = np.clip(values.numpy() / scale, -448, 448).astype(ml_dtypes.float8_e4m3fn)
    assert (np.abs(expected.astype(np.float32)) == 448).sum() > 100
    assert np.array_equal(rounded(values, scale).numpy(), expected.astype(np.float32) * scale)


def test_layers_are_as_before_afterwards():
    layer = nn.Sequential(nn.Conv2d(16, 16, 3), nn.Linear(14, 16))
    given = torch.randn(2, 16, 16, 16)
    before = layer(given)
    with in_fp8(layer, {"0": Scales(0.01, 0.01), "1": Scales(0.01, 0.01)}):
        assert not torch.equal(layer(given), before)
    assert torch.equal(layer(given), before)


class Unet(nn.Module):
    """Two layers side by side, one of which decides nearly all; few channels; and the time."""

    def __init__(self):
        super().__init__()
        self.loud, self.quiet = nn.Linear(32, 16), nn.Linear(32, 16)
        self.few, self.time = nn.Linear(32, 4), nn.Linear(16, 16)
        with torch.no_grad():
            self.quiet.weight *= 0.01

    def forward(self, tokens):
        time = self.time(torch.ones(len(tokens), 16))
        few = self.few(tokens).sum()
        return (self.loud(tokens) + self.quiet(tokens) + 1e-3 * few + 1e-3 * time[:, None],)


class Step(nn.Module):
    """As `DenoiseStep`, without guidance."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.unet = Unet().half()  # weights as stored

    def forward(self, tokens):
        return self.unet(tokens)


@pytest.fixture(name="steps")
def _steps():
    torch.manual_seed(1)
    return [{"tokens": (1 + n) * torch.randn(2, 64, 32)} for n in range(6)]


def formula(steps, layer, largest):
    """The error of the output with `layer` in 8 bits, in float64."""
    exact = Step().float()
    weight = layer.weight.double().numpy()
    scales = [2.0 ** math.ceil(math.log2(x / 448)) for x in (2 * largest, np.abs(weight).max())]

    def narrow(values, scale):
        return (values / scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float64) * scale

    off, whole = [], []
    for tokens in (one["tokens"].double().numpy() for one in steps):
        difference = narrow(tokens, scales[0]) @ narrow(weight, scales[1]).T - tokens @ weight.T
        off.append(np.square(difference).sum())
        whole.append(exact(torch.tensor(tokens).float())[0].square().sum().item())
    return math.sqrt(sum(off) / sum(whole))


def test_the_error_of_each_layer_is_measured_and_the_worst_is_left_wide(steps):
    step = Step()
    chosen = choose_fp8_layers(step, steps, allowed=0.01)
    largest = max(float(one["tokens"].abs().max()) for one in steps)
    found = {layer.name: layer for layer in chosen.layers}
    assert list(found) == ["unet.loud", "unet.quiet"]
    assert [layer.narrow for layer in chosen.layers] == [False, True]
    probes = spread(steps, 4)
    with torch.inference_mode():
        for name, layer in (("unet.loud", step.unet.loud), ("unet.quiet", step.unet.quiet)):
            expected = formula(probes, layer, largest)
            assert found[name].error == pytest.approx(expected, rel=0.02)
    assert chosen.error == found["unet.quiet"].error
    assert chosen.error_of_all > 0.01
    assert set(chosen.scales()) == {"unet.quiet"}
    assert "left wide by what each alone is off: unet.loud (3." in chosen.summary()


def test_layers_that_are_not_suited_are_named_with_the_reason(steps):
    chosen = choose_fp8_layers(Step(), steps, allowed=0.1)
    assert chosen.unsuited["unet.few"] == "32 channels to 4, not multiples of 16"
    assert "one vector for each image" in chosen.unsuited["unet.time"]
    assert all(layer.narrow for layer in chosen.layers)


def test_a_unet_of_which_nothing_is_close_enough_is_refused(steps):
    with pytest.raises(InputError, match=r"2 put its output off by more than 0\.0%"):
        choose_fp8_layers(Step(), steps, allowed=1e-6)
