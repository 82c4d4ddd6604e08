"""Denoising and decoding on a GPU that is not there: nothing comes back to the host."""

from contextlib import nullcontext

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from fake_device import CUDA, empty, fake_device, made_of, sent, strictly
from torch import nn

from zeroreal.assets import TINY_FASHION
from zeroreal.base.fences import fences_on
from zeroreal.engine import TorchEngine
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.export.graphs import float8_linear
from zeroreal.export.graphs.float8_linear import Float8Linear
from zeroreal.export.graphs.float8_step import LayerRange, narrow_layers
from zeroreal.export.graphs.specs import DENOISE, VAE_DECODER, graph_specs
from zeroreal.export.graphs.steps import DenoiseStep, VaeDecoder
from zeroreal.export.model.model_info import read_model_info
from zeroreal.generate.sampling import decoder, sampler

IMAGES, GUIDED = 3, 2


class NoStream:
    """In place of a stream or an event, which need a driver."""

    def __getattr__(self, name):
        return lambda *given: None


@pytest.fixture(autouse=True)
def _no_driver(monkeypatch):
    monkeypatch.setattr("zeroreal.base.aligned_rows.to_device", sent)
    monkeypatch.setattr(sampler, "fences_on", lambda device: fences_on(torch.device("cpu")))
    for name in ("Stream", "Event", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda *given: NoStream())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


def engine_of(name, module, dtype, draws_noise=False):
    info = read_model_info(TINY_FASHION)
    dtypes = dict.fromkeys((DENOISE, VAE_DECODER, "text_encoder"), dtype)
    spec = graph_specs(info, dtypes, draws_noise=draws_noise)[name]
    module.to = lambda device: module  # fake weights cannot be moved, and lie there
    return TorchEngine(module, spec, CUDA)


def conditions(dtype, tokens, channels):
    return {
        "guidance": empty(IMAGES),
        "text_embeddings": empty(IMAGES + GUIDED, tokens, channels, dtype=dtype),
        "rows": empty(IMAGES + GUIDED, dtype=torch.int64),
        "unconditional": empty(IMAGES, dtype=torch.int64),
    }


@pytest.mark.parametrize(
    ("dtype", "scheduler", "draws_noise"),
    [
        (torch.bfloat16, "DPMSolverMultistep", True),
        (torch.float16, "EulerAncestralDiscrete", True),
        (torch.float32, "EulerAncestralDiscrete", False),
    ],
)
def test_all_steps_of_a_batch_stay_on_the_device(dtype, scheduler, draws_noise):
    schedule = schedule_of(load_scheduler(TINY_FASHION, scheduler), 3)
    with fake_device():
        unet = made_of(UNet2DConditionModel, TINY_FASHION / "unet", dtype)
        engine = engine_of(DENOISE, DenoiseStep(unet, None), dtype, draws_noise)
        denoise = sampler.Sampler(engine, schedule)
        info = read_model_info(TINY_FASHION)
        given = conditions(dtype, info.tokens, info.context_channels)
        seeds = empty(IMAGES, dtype=torch.int64)
        denoise(seeds, (4, 8, 8), given)  # which makes the buffers
        with strictly():
            latents = denoise(seeds, (4, 8, 8), given)
    assert (latents.shape, latents.dtype) == ((IMAGES, 4, 8, 8), torch.float32)
    assert latents.device == CUDA


def test_steps_with_layers_in_8_bits_stay_on_the_device(monkeypatch):
    monkeypatch.setattr(float8_linear, "_magnitude", lambda layer: 1.0)  # fake weights have none
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DPMSolverMultistep"), 2)
    with fake_device():
        unet = made_of(UNet2DConditionModel, TINY_FASHION / "unet", torch.bfloat16)
        linear = [name for name, layer in unet.named_modules() if type(layer) is nn.Linear]
        names = [name for name in linear if "transformer_blocks" in name]
        narrow_layers(unet, {name: LayerRange(4.0, 0.001, True) for name in names})
        assert len(names) > 50
        assert all(isinstance(unet.get_submodule(name), Float8Linear) for name in names)
        engine = engine_of(DENOISE, DenoiseStep(unet, None), torch.bfloat16, draws_noise=True)
        denoise = sampler.Sampler(engine, schedule)
        info = read_model_info(TINY_FASHION)
        given = conditions(torch.bfloat16, info.tokens, info.context_channels)
        seeds = empty(IMAGES, dtype=torch.int64)
        denoise(seeds, (4, 8, 8), given)  # which makes the buffers
        with strictly():
            latents = denoise(seeds, (4, 8, 8), given)
    assert (latents.shape, latents.device) == ((IMAGES, 4, 8, 8), CUDA)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_decoding_leaves_nothing_on_the_host_but_the_faults(dtype):
    with fake_device():
        vae = made_of(AutoencoderKL, TINY_FASHION / "vae", dtype)
        with CUDA:
            module = VaeDecoder(vae)
        decode = decoder.Decoder(engine_of(VAE_DECODER, module, dtype), 28, 2)
        with strictly():
            decoded = decode(empty(IMAGES, 4, 8, 8))
    assert (decoded.images.shape, decoded.images.dtype) == ((IMAGES, 28, 28, 3), torch.uint8)
    assert (decoded.images.device, decoded.faults.device.type) == (CUDA, "cpu")
