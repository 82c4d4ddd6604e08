"""FLOP that rows really compute, on the embedded model."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.generation.flops import count_flops
from zeroreal.benchmarks.generation.job import GenerationJob
from zeroreal.benchmarks.waterfall.flops import flop_per_image
from zeroreal.export import find_model


@pytest.fixture(scope="module")
def job():
    """Two images of eight steps with guidance."""
    folder = find_model(None)
    return GenerationJob(folder, (32, 32), 2, 8, None, "on", "base", "cpu", Path("unused"))


@pytest.fixture(scope="module")
def parts(job):
    return count_flops(job.folder, (32, 32))


def latent_side(job):
    levels = AutoencoderKL.load_config(job.folder, subfolder="vae")["block_out_channels"]
    return job.generate_size[0] // 2 ** (len(levels) - 1)


def flop(job, options):
    return flop_per_image(job, parse_contender(f"ours:torch/fp32{options}"))


def test_diffusers_encodes_each_prompt_anew_and_ours_keeps_it(job, parts):
    ours = 2 * 8 * parts.unet_row + parts.vae_decoder
    assert flop(job, "") == flop(job, "/unfused") == ours
    theirs = flop_per_image(job, parse_contender("diffusers/fp32"))
    assert theirs == ours + 2 * parts.text


def test_few_steps_are_counted_as_few(job, parts):
    assert flop(job, "/4-steps") == 2 * 4 * parts.unet_row + parts.vae_decoder


def test_a_guidance_interval_spares_the_second_row_outside_it(job, parts):
    spared, rest = divmod(flop(job, "") - flop(job, "/guidance-0.6-6"), parts.unet_row)
    assert rest == 0
    assert 0 < spared < 8


def test_deep_cache_counts_the_layers_around_the_deep_features(job, parts):
    unet = UNet2DConditionModel.from_pretrained(job.folder, subfolder="unet")
    tokens = CLIPTextConfig.from_pretrained(job.folder / "text_encoder").max_position_embeddings
    context = torch.zeros(1, tokens, unet.config.cross_attention_dim)
    latents = torch.zeros(1, unet.config.in_channels, latent_side(job), latent_side(job))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(latents, torch.zeros(1), context)
    by_module = {
        name.partition(".")[2]: sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
    }
    last = len(unet.up_blocks) - 1
    block = f"up_blocks.{last}"
    deepest = len(unet.up_blocks[last].resnets) - 1
    shallow = sum(
        by_module.get(name, 0)
        for name in (
            "conv_in",
            "time_embedding",
            f"{block}.resnets.{deepest}",
            f"{block}.attentions.{deepest}",
            "conv_out",
        )
    )
    assert 0 < shallow < parts.unet_row / 2
    assert flop(job, "/deep-cache-2") == 2 * 4 * (parts.unet_row + shallow) + parts.vae_decoder


def test_the_tiny_vae_counts_its_own_decoder(job, parts):
    vae = AutoencoderTiny.from_pretrained(job.folder / "tiny_vae")
    own = AutoencoderKL.load_config(job.folder, subfolder="vae")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        vae.decode(torch.zeros(1, own["latent_channels"], latent_side(job), latent_side(job)))
    spared = parts.vae_decoder - counter.get_total_flops()
    assert spared > 0
    assert flop(job, "") - flop(job, "/tiny-vae") == spared


def test_levers_that_the_model_cannot_have_are_refused(job, tiny_model):
    other = GenerationJob(
        tiny_model("sd15"), (32, 32), 2, 8, "DDIMScheduler", "on", "base", "cpu", Path("unused")
    )
    with pytest.raises(InputError, match="VAE 'tiny' was asked for"):
        flop(other, "/tiny-vae")
