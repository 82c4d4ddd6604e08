"""Model folders as people have them: our images are those of the unmodified pipeline."""

import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from model_folders import (
    as_variant,
    config,
    edit,
    index,
    keep,
    named,
    rename_tensors,
    shard,
    textual_inversion,
    unet,
)
from pipelines import assert_same_image, pipeline_image
from transformers import CLIPTextModel

from zeroreal.generate import SampleSpec

PROMPT = "a photo of a <shoe> and a coat, seen from the side"
SPEC = SampleSpec(index=0, label=0, prompt=PROMPT, guidance=4.0, seed=5, negative_prompt="blurry")


def old_vae_attention(name):
    """As `diffusers` named the layers of the VAE's attention before 0.13."""
    for new, old in (
        ("to_q", "query"),
        ("to_k", "key"),
        ("to_v", "value"),
        ("to_out.0", "proj_attn"),
    ):
        name = name.replace(f"attentions.0.{new}", f"attentions.0.{old}")
    return name


def of_2022(folder):
    """Configurations with only the keys that the first versions wrote."""
    keep(
        folder / "unet" / "config.json",
        *["act_fn", "attention_head_dim", "block_out_channels", "cross_attention_dim"],
        *["down_block_types", "layers_per_block", "norm_eps", "norm_num_groups", "sample_size"],
        *["up_block_types", "in_channels", "out_channels"],
    )
    keep(
        folder / "vae" / "config.json",
        *["act_fn", "block_out_channels", "down_block_types", "latent_channels"],
        *["layers_per_block", "up_block_types", "norm_num_groups"],
    )
    keep(
        folder / "scheduler" / "scheduler_config.json",
        *["beta_start", "beta_end", "beta_schedule", "num_train_timesteps"],
    )


def position_ids(folder):
    """A buffer that `transformers` saved before 4.31."""
    ids = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    rename_tensors(folder / "text_encoder", lambda name: name, **ids)


def paths_of_authors(folder):
    for part in ("unet", "vae", "text_encoder"):
        edit(folder / part / "config.json", _name_or_path="/root/sd/" + part)
    edit(folder / "model_index.json", _name_or_path="runwayml/sd", _diffusers_version="0.19.0.dev0")


def only(part, *names):
    def leave(folder):
        for path in (folder / part).iterdir():
            if path.name not in names:
                path.unlink()

    return leave


def fp16_beside(folder):
    for part in ("unet", "vae", "text_encoder"):
        as_variant(folder / part, keeps_plain=True)


DPM, EULER = "DPMSolverMultistepScheduler", "EulerDiscreteScheduler"
UNLIKE = {"_class_name": "PNDMScheduler", "skip_prk_steps": True}
VARIANTS = {
    "as it is": lambda folder: None,
    "scheduler by model_index.json": named("EulerAncestralDiscreteScheduler", **UNLIKE),
    "class of a Flax scheduler": named("DDIMScheduler", _class_name="FlaxDDIMScheduler"),
    "no class": named("DDIMScheduler", _class_name=KeyError),
    "no steps_offset": named("PNDMScheduler", steps_offset=KeyError, skip_prk_steps=True),
    "clip_sample": named("DDIMScheduler", clip_sample=True),
    "TCD": named("TCDScheduler"),
    "EDMEuler": named("EDMEulerScheduler"),
    "EDMDPMSolver": named("EDMDPMSolverMultistepScheduler"),
    "sample_size of two": lambda folder: edit(folder / "unet" / "config.json", sample_size=[8, 8]),
    "no in_channels": lambda folder: edit(folder / "unet" / "config.json", in_channels=KeyError),
    "short prompts": lambda folder: edit(
        folder / "tokenizer" / "tokenizer_config.json", model_max_length=9
    ),
    "another pipeline": lambda folder: edit(
        folder / "model_index.json", _class_name="StableDiffusionImg2ImgPipeline"
    ),
    "textual inversion": textual_inversion,
    "zero SNR": named(
        "DDIMScheduler",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    ),
    "Euler, zero SNR": named(EULER, prediction_type="v_prediction", rescale_betas_zero_snr=True),
    "spacing leading": named(EULER, timestep_spacing="leading", steps_offset=1),
    "spacing trailing": named(DPM, timestep_spacing="trailing"),
    "PNDM trailing": named("PNDMScheduler", timestep_spacing="trailing", skip_prk_steps=True),
    "PNDM with PRK": named("PNDMScheduler", skip_prk_steps=False),
    "alpha to one": named("DDIMScheduler", set_alpha_to_one=True, clip_sample=False),
    "alpha not to one": named("DDIMScheduler", set_alpha_to_one=False, clip_sample=False),
    "final sigma": named(DPM, final_sigmas_type="sigma_min"),
    "Karras": named(DPM, use_karras_sigmas=True, algorithm_type="sde-dpmsolver++"),
    "exponential": named(EULER, use_exponential_sigmas=True),
    "full order at the end": named(DPM, lower_order_final=False, solver_order=3),
    "Euler at the end": named(DPM, euler_at_final=True),
    "linear betas": named("LMSDiscreteScheduler", beta_schedule="linear"),
    "Heun": named("HeunDiscreteScheduler"),
    "500 steps of training": named("DDPMScheduler", num_train_timesteps=500, clip_sample=False),
    "no scaling factor": config("vae", scaling_factor=KeyError),
    "another scaling factor": config("vae", scaling_factor=0.5),
    "names of old attention": lambda folder: rename_tensors(folder / "vae", old_vae_attention),
    "no safety checker": index(
        safety_checker=[None, None], feature_extractor=[None, None], image_encoder=[None, None]
    ),
    "no entry of a safety checker": index(
        safety_checker=KeyError, feature_extractor=KeyError, requires_safety_checker=True
    ),
    "position ids": position_ids,
    "paths of authors": paths_of_authors,
    "configurations of 2022": of_2022,
    "vocabulary alone": only("tokenizer", "vocab.json", "merges.txt", "tokenizer_config.json"),
    "tokenizer.json alone": only("tokenizer", "tokenizer.json", "tokenizer_config.json"),
    "sharded": lambda folder: shard(folder / "unet", UNet2DConditionModel),
    "sharded text encoder": lambda folder: shard(folder / "text_encoder", CLIPTextModel),
    "fp16 beside": fp16_beside,
    "inpainting pipeline": index(_class_name="StableDiffusionInpaintPipeline"),
    "half precision by name": config("text_encoder", torch_dtype="float16", dtype=KeyError),
    "old end of text": config("text_encoder", eos_token_id=2),
    "upcast attention": unet(upcast_attention=True),
    "linear projection": unet(use_linear_projection=True, attention_head_dim=[2, 4]),
    "cross attention alone": unet(only_cross_attention=[False, True]),
    "scale and shift": unet(resnet_time_scale_shift="scale_shift"),
    "centred input": config("unet", center_input_sample=True),
    "statistics of latents, which only SDXL heeds": config(
        "vae", latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.1, 1.2, 1.3, 1.4], shift_factor=0.1
    ),
    "fast tokenizer": index(tokenizer=["transformers", "CLIPTokenizerFast"]),
    "another activation": config("text_encoder", hidden_act="gelu"),
    "no middle": unet(mid_block_type=None),
    "Fourier": unet(time_embedding_type="fourier"),
    "trained betas": named("DDIMScheduler", trained_betas=[0.001] * 1000),
    "old sample size": config("unet", _diffusers_version="0.8.0"),
    "cosine first": config("unet", flip_sin_to_cos=False, freq_shift=1),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_are_those_of_the_pipeline(variant, tmp_path, generator, noise_of, tiny_model):
    folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    VARIANTS[variant](folder)
    steps = 6
    ours = generator(model=str(folder), steps=steps, tune="off").images([SPEC])[0][0]
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(torch.float32)
    assert_same_image(ours, pipeline_image(pipeline, SPEC, steps, noise_of))
