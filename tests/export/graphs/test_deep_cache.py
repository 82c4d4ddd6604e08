"""Steps with the deep features of an earlier one, against whole UNets of `diffusers`."""

import functools
from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache
from zeroreal.export import EngineChoice, random_inputs
from zeroreal.export.engines.load import load_engines
from zeroreal.export.graphs.deep_cache import check_deep_cache
from zeroreal.export.graphs.modules import load_module
from zeroreal.export.model.components import load_unet
from zeroreal.export.model.parts import find_parts

FAMILIES = ("sd15", "sd21", "sd-turbo", "lcm", "sdxl")
CHOICE = EngineChoice("torch", None, torch.device("cpu"), "fp32", batch_size=4)


@pytest.fixture(scope="module")
def load(tmp_path_factory, tiny_model):
    cache = Cache(tmp_path_factory.mktemp("engines"))

    @functools.cache
    def load(family, **changes):
        folder = TINY_FASHION if family == "embedded" else tiny_model(family)
        return load_engines(folder, replace(CHOICE, **changes), cache)

    return load


def step_inputs(engine, seed):
    return random_inputs(engine.spec, {"batch": 2, "rows": 3}, seed, vocabulary=600)


@pytest.mark.parametrize("family", ["embedded", *FAMILIES])
def test_a_full_step_gives_what_a_step_without_deep_cache_gives(load, family):
    ordinary, full = load(family).denoise, load(family, deep_cache=True).denoise
    inputs = step_inputs(ordinary, 1)
    expected, found = ordinary(inputs), full(inputs)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert set(found) - set(expected) == {"deep_features"}


@pytest.mark.parametrize("family", ["embedded", *FAMILIES])
def test_a_shallow_step_with_its_own_features_gives_what_the_whole_step_gives(load, family):
    engines = load(family, deep_cache=True)
    inputs = step_inputs(engines.denoise, 2)
    whole = engines.denoise(inputs)
    features = whole.pop("deep_features")
    shallow = engines.denoise_shallow({**inputs, "deep_features": features})
    assert shallow.keys() == whole.keys()
    for name, tensor in whole.items():
        torch.testing.assert_close(shallow[name], tensor, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shallow_step_keeps_only_the_deep_features_of_the_earlier_step(load, tiny_model, family):
    """Against the whole UNet with what enters its last resnet exchanged."""
    engines = load(family, deep_cache=True)
    features = engines.denoise(step_inputs(engines.denoise, 3))["deep_features"]
    later = step_inputs(engines.denoise, 4)
    found = engines.denoise_shallow({**later, "deep_features": features})

    folder = tiny_model(family)
    step = load_module("denoise", find_parts(folder), torch.float32)

    def exchange(resnet, arguments):
        hidden = arguments[0].clone()
        hidden[:, : features.shape[1]] = features
        return hidden, *arguments[1:]

    step.unet.up_blocks[-1].resnets[-1].register_forward_pre_hook(exchange)
    with torch.inference_mode():
        expected = step(**later)
    for tensor, name in zip(expected, ("next_latents", "carry"), strict=True):
        torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-5)


def test_both_steps_hold_the_same_weights_once(load):
    engines = load("sd15", deep_cache=True)
    full, shallow = (
        {parameter.data_ptr() for parameter in engine._module.parameters()}
        for engine in (engines.denoise, engines.denoise_shallow)
    )
    assert shallow < full


def test_without_deep_cache_there_is_no_shallow_step(load):
    engines = load("sd15")
    assert engines.denoise_shallow is None
    assert [output.name for output in engines.denoise.spec.outputs] == ["next_latents", "carry"]


@pytest.mark.parametrize("backend", ["onnxruntime", "tensorrt"])
def test_engines_that_cannot_say_which_can(load, backend):
    with pytest.raises(InputError, match=f"not supported by engine '{backend}': use engine 'torch"):
        load("sd15", backend=backend, deep_cache=True)


def test_a_unet_of_one_block_has_nothing_to_skip():
    unet = UNet2DConditionModel(
        block_out_channels=(32,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        cross_attention_dim=8,
        attention_head_dim=4,
        layers_per_block=1,
    )
    with pytest.raises(InputError, match="has 1 in all: leave deep cache out"):
        check_deep_cache(unet)


def test_a_last_block_of_another_kind_is_refused():
    unet = load_unet(TINY_FASHION / "unet", torch.float32)
    unet.register_to_config(up_block_types=("UpBlock2D", "SkipUpBlock2D"))
    with pytest.raises(InputError, match="last block is a SkipUpBlock2D"):
        check_deep_cache(unet)
