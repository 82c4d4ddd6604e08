"""Linear layers in 8-bit floats, against float64."""

import math

import pytest
import torch
from fake_device import CUDA, empty, fake_device, strictly
from torch import nn

from zeroreal.engine import (
    Cache,
    DimensionRange,
    GraphSpec,
    TensorSpec,
    TorchEngine,
    compiled_engine,
)
from zeroreal.export.graphs.float8_linear import (
    Float8Linear,
    SimulatedFloat8Linear,
    can_narrow,
    scale_of,
)

BOTH = pytest.mark.parametrize("kind", [Float8Linear, SimulatedFloat8Linear])


def layer_of(channels=32, out=48, bias=True, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(channels, out, bias=bias).requires_grad_(False).bfloat16()


def tokens_of(*shape, largest=3.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator)
    return (values * largest / values.abs().max()).bfloat16()


def e4m3(value):
    """The nearest number with 3 bits after the point, ties to even; 2^-6 is the least normal."""
    sign, size = math.copysign(1, value), min(abs(value), 448.0)
    if size == 0:
        return 0.0
    step = 2.0 ** (max(math.floor(math.log2(size)), -6) - 3)
    return sign * min(round(size / step) * step, 448.0)


def reference(layer, tokens, largest):
    """In float64, by the formula."""
    scale = scale_of(2 * largest)
    weight_scale = scale_of(float(layer.weight.abs().max()))
    x = tokens.double().div(scale).apply_(e4m3) * scale
    w = layer.weight.double().div(weight_scale).apply_(e4m3) * weight_scale
    return x @ w.T + (0 if layer.bias is None else layer.bias.double())


@BOTH
@pytest.mark.parametrize("shape", [(1, 32), (2, 7, 32), (3, 1, 5, 32)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_formula_but_for_rounding_the_result(kind, shape, bias):
    layer, tokens = layer_of(bias=bias), tokens_of(*shape)
    found, expected = kind(layer, 3.0)(tokens), reference(layer, tokens, 3.0)
    assert (found.dtype, found.shape) == (torch.bfloat16, (*shape[:-1], 48))
    torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=2e-3)


def test_the_simulation_gives_the_same_bits():
    for seed in range(5):
        layer, tokens = layer_of(64, 16, seed=seed), tokens_of(2, 9, 64, seed=seed)
        real, simulated = Float8Linear(layer, 3.0), SimulatedFloat8Linear(layer, 3.0)
        assert torch.equal(real(tokens), simulated(tokens))


@BOTH
def test_it_differs_from_the_wide_layer_by_little(kind):
    layer, tokens = layer_of(128, 64), tokens_of(64, 128)
    wide = layer.double()(tokens.double())
    error = (kind(layer_of(128, 64), 3.0)(tokens).double() - wide).norm() / wide.norm()
    assert 0.005 < error < 0.05  # two roundings to 4 significant bits


@BOTH
def test_larger_inputs_than_seen_are_right_up_to_twice_and_then_cut_off(kind):
    layer = layer_of()
    narrow, seen = kind(layer, 7.0), torch.full((1, 32), 7.0).bfloat16()  # 14 is 448 / 32
    twice, beyond, infinite = (narrow(seen * factor) for factor in (2, 4, math.inf))
    torch.testing.assert_close(twice.double(), reference(layer, seen * 2, 7.0), rtol=0.01, atol=0.1)
    assert torch.equal(beyond, twice)
    assert torch.equal(infinite, twice)


@BOTH
def test_what_is_not_a_number_stays_so(kind):
    tokens = tokens_of(2, 32)
    tokens[1, 3] = math.nan
    found = kind(layer_of(), 3.0)(tokens)
    assert found[0].isfinite().all()
    assert found[1].isnan().all()


@pytest.mark.parametrize(
    ("largest", "scale"),
    [(448.0, 1.0), (448.5, 2.0), (224.0, 0.5), (225.0, 1.0), (3.5, 2**-7), (1e-30, 2.0**-108)],
)
def test_scales_are_the_least_powers_of_two_that_suffice(largest, scale):
    assert scale_of(largest) == scale


def test_only_layers_that_the_product_takes_can_be_narrow():
    assert can_narrow(layer_of(), 1.0)
    assert not can_narrow(layer_of(24), 1.0)
    assert not can_narrow(layer_of(out=40), 1.0)
    assert not can_narrow(layer_of().float(), 1.0)
    assert not can_narrow(nn.Conv2d(16, 16, 1).bfloat16(), 1.0)
    for largest in (0.0, math.inf, math.nan, 1e-30, 1e30):
        assert not can_narrow(layer_of(), largest)
    for weight in (0.0, math.inf, math.nan):
        layer = layer_of()
        layer.weight.fill_(weight)
        assert not can_narrow(layer, 1.0)


SPEC = GraphSpec(
    "layer",
    (TensorSpec("tokens", torch.bfloat16, ("batch", 5, 32)),),
    (TensorSpec("out", torch.bfloat16, ("batch", 5, 48)),),
)


class Layers(nn.Module):
    """Two that are given the same, as keys and values are."""

    def __init__(self, kind):
        super().__init__()
        self.one, self.other = kind(layer_of(), 3.0), kind(layer_of(seed=2), 3.0)

    def forward(self, tokens):
        return self.one(tokens) + self.other(tokens)


@pytest.mark.slow
@BOTH
def test_compiled_it_gives_what_it_gives_eagerly(kind, tmp_path):
    cpu, profile = torch.device("cpu"), {"batch": DimensionRange(1, 2, 4)}
    module = Layers(kind)
    eager = TorchEngine(module, SPEC, cpu)
    compiled = compiled_engine(lambda: module, SPEC, profile, cpu, "1", Cache(tmp_path))
    for batch in (1, 3, 4):
        inputs = {"tokens": tokens_of(batch, 5, 32, seed=batch)}
        expected, found = eager(inputs)["out"].float(), compiled(inputs)["out"].float()
        torch.testing.assert_close(found, expected, rtol=2**-7, atol=2**-7)


@BOTH
def test_on_a_gpu_nothing_comes_back_to_the_host(kind):
    module = kind(layer_of(), 3.0)
    with fake_device():
        for name, tensor in module.named_buffers():
            setattr(module, name, empty(*tensor.shape, dtype=tensor.dtype))
        module.bias = nn.Parameter(empty(48, dtype=torch.bfloat16), requires_grad=False)
        with strictly():
            out = module(empty(2, 7, 32, dtype=torch.bfloat16))
    assert (out.device, out.shape, out.dtype) == (CUDA, (2, 7, 48), torch.bfloat16)


@pytest.mark.gpu
def test_a_gpu_gives_what_the_simulation_gives():
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("this GPU has no fp8")
    layer, tokens = layer_of(512, 256).cuda(), tokens_of(3, 77, 512).cuda()
    found, expected = (kind(layer, 3.0)(tokens) for kind in (Float8Linear, SimulatedFloat8Linear))
    # Hopper's fast accumulation keeps some 14 bits (arXiv 2412.19437).
    torch.testing.assert_close(found.float(), expected.float(), rtol=2**-6, atol=2e-2)
