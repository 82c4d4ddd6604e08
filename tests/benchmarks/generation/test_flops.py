"""FLOP counts against the figures that the field knows."""

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig

from zeroreal.benchmarks.generation.flops import count_flops
from zeroreal.export.model.random_weights import _VAE, architecture


@pytest.fixture
def configured(tmp_path):
    """A function that writes a folder with an architecture's configurations, without weights."""

    def write(name):
        described = architecture(name)
        with torch.device("meta"):
            UNet2DConditionModel.from_config(described["unet"]).save_config(tmp_path / "unet")
            AutoencoderKL.from_config({**_VAE, **described["vae"]}).save_config(tmp_path / "vae")
        CLIPTextConfig(**described["text_encoder"]).save_pretrained(tmp_path / "text_encoder")
        return tmp_path

    return write


def test_stable_diffusion_1_5_has_the_known_counts(configured):
    folder = configured("sd15")
    flops = count_flops(folder, (512, 512))
    # 338.6 GMAC are the usual "339 GMACs" of this UNet without attention's products, which are
    # another 126.1 GFLOP; text encoder and decoder by hand in the same way.
    assert flops.unet_row / 1e9 == pytest.approx(803.3, abs=0.05)
    assert flops.vae_decoder / 1e9 == pytest.approx(2514.5, abs=0.05)
    assert flops.text / 1e9 == pytest.approx(13.3, abs=0.05)
    # 20 steps with guidance: 40 rows, two prompts, one image.
    assert flops.per_image(20, guided=True) / 1e12 == pytest.approx(34.67, abs=0.005)
    assert flops.per_image(4, guided=False) / 1e12 == pytest.approx(5.74, abs=0.005)


def test_a_smaller_image_costs_less(configured):
    folder = configured("sd15")
    flops = count_flops(folder, (256, 256))
    assert flops.unet_row / 1e9 == pytest.approx(180.1, abs=0.05)
    assert flops.vae_decoder / 1e9 == pytest.approx(622, abs=0.5)
