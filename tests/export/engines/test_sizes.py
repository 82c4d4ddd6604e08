"""Engines for images of another size than the model's own."""

from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import EngineChoice, random_inputs
from zeroreal.export.engines.load import load_engines

CPU = torch.device("cpu")
CHOICE = EngineChoice("torch", None, CPU, "fp32", batch_size=4)


def test_images_of_another_size_are_those_that_diffusers_makes(cache):
    engines = load_engines(TINY_FASHION, replace(CHOICE, generate_size=(48, 48)), cache)
    assert engines.generate_size == (48, 48)
    latents = torch.randn(2, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    vae = AutoencoderKL.from_pretrained(TINY_FASHION, subfolder="vae")
    with torch.inference_mode():
        expected = vae.decode(latents / vae.config.scaling_factor).sample
    found = engines.vae_decoder({"latents": latents})["images"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    shapes = {wanted.name: wanted.shape for wanted in engines.denoise.spec.inputs}
    assert shapes["latents"] == ("batch", 4, 12, 12)


def test_an_export_for_any_size_serves_the_size_asked_for(any_size_export, cache):
    choice = replace(CHOICE, backend="onnxruntime", precision="auto", generate_size=(24, 16))
    engines = load_engines(any_size_export.folder, choice, cache)
    assert engines.generate_size == (24, 16)
    inputs = random_inputs(engines.vae_decoder.spec, {"batch": 1, "height": 12, "width": 8}, 5, 1)
    assert engines.vae_decoder(inputs)["images"].shape == (1, 3, 24, 16)


@pytest.mark.parametrize(("side", "remedy"), [(36, "so give 32 or 40"), (4, "so give 8"), (0, "8")])
@pytest.mark.parametrize("place", [0, 1])
def test_a_side_that_the_model_cannot_divide_is_refused_with_the_nearest(
    place, side, remedy, cache
):
    size = (side, 32) if place == 0 else (32, side)
    with pytest.raises(InputError) as caught:
        load_engines(TINY_FASHION, replace(CHOICE, generate_size=size), cache)
    assert f"a side of {side} pixels" in str(caught.value)
    assert "the VAE divides sides by 4 and the UNet by 2" in str(caught.value)
    assert str(caught.value).endswith(remedy)


def test_an_export_for_one_size_serves_no_other(tiny_export, cache):
    choice = replace(CHOICE, backend="onnxruntime", generate_size=(16, 24))
    with pytest.raises(InputError, match=r"images of 16x24 pixels .* was exported for 16x16"):
        load_engines(tiny_export("sd15", "fp32").folder, choice, cache)
