"""SDXL folders as people have them: our images are those of the unmodified pipeline."""

import shutil

import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from model_folders import as_variant, config, edit, index, keep, named, shard, unet
from pipelines import assert_same_image, pipeline_image
from transformers import CLIPTextModelWithProjection

from zeroreal.generate import SampleSpec

PROMPT = "a photo of a shoe and a coat, seen from the side"
BLURRY = SampleSpec(0, 0, PROMPT, guidance=4.0, seed=5, negative_prompt="blurry")
PLAIN = SampleSpec(0, 0, PROMPT, guidance=4.0, seed=5, negative_prompt="")
MEAN, STD = [-1.6574, 1.886, -1.383, 2.5155], [8.4927, 5.9022, 6.5498, 5.2299]
EULER = "EulerDiscreteScheduler"


def fp16_beside(folder):
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        as_variant(folder / part, keeps_plain=True)


def few_keys(folder):
    """A scheduler of which only the betas are told."""
    path = folder / "scheduler" / "scheduler_config.json"
    keep(path, "beta_start", "beta_end", "beta_schedule", "num_train_timesteps")


def pad_of_its_own(folder):
    """A second tokenizer that pads by another token."""
    edit(folder / "tokenizer_2" / "tokenizer_config.json", pad_token="!")


VARIANTS = {
    "as it is": lambda folder: None,
    "zeros for no prompt": index(force_zeros_for_empty_prompt=True),
    "no zeros for no prompt": index(force_zeros_for_empty_prompt=False),
    "nothing of zeros": index(force_zeros_for_empty_prompt=KeyError),
    "watermark": index(add_watermarker=False),
    "no word of a watermark": index(add_watermarker=KeyError),
    "no feature extractor": index(feature_extractor=[None, None], image_encoder=[None, None]),
    "old version": index(_diffusers_version="0.18.0.dev0", _name_or_path="/root/sdxl"),
    "image to image": index(_class_name="StableDiffusionXLImg2ImgPipeline"),
    "no scaling factor": config("vae", scaling_factor=KeyError),
    "statistics of latents": config("vae", latents_mean=MEAN, latents_std=STD, scaling_factor=0.5),
    "mean of latents alone": config("vae", latents_mean=MEAN),
    "no upcast": config("vae", force_upcast=False),
    "zero SNR": named(EULER, prediction_type="v_prediction", rescale_betas_zero_snr=True),
    "EDM": named("EDMDPMSolverMultistepScheduler", sigma_max=80.0, sigma_min=0.002),
    "trailing": named(EULER, timestep_spacing="trailing", final_sigmas_type="sigma_min"),
    "Karras": named("DPMSolverMultistepScheduler", use_karras_sigmas=True),
    "few keys": few_keys,
    "pad of its own": pad_of_its_own,
    "fp16 beside": fp16_beside,
    "sharded": lambda folder: shard(folder / "unet", UNet2DConditionModel, "200KB"),
    "sharded second encoder": lambda folder: shard(
        folder / "text_encoder_2", CLIPTextModelWithProjection
    ),
    "old end of text": config("text_encoder_2", eos_token_id=2),
    "no linear projection": unet(use_linear_projection=False),
    "upcast attention": unet(upcast_attention=True, attention_head_dim=[2, 4]),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_are_those_of_the_pipeline(variant, tmp_path, generator, noise_of, tiny_model):
    folder = shutil.copytree(tiny_model("sdxl"), tmp_path / "model")
    VARIANTS[variant](folder)
    spec, steps = PLAIN if "no prompt" in variant or "zeros" in variant else BLURRY, 4
    ours = generator(model=str(folder), steps=steps, tune="off").images([spec])[0][0]
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder).to(torch.float32)
    assert_same_image(ours, pipeline_image(pipeline, spec, steps, noise_of))
