"""Images with a distilled LoRA, against the published pipeline and the UNet that `peft` fuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from distilled_loras import random_lora, told_unet, whole_unet
from safetensors.torch import load_file, save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.kernels import philox_normal_reference

FP32 = {"precision": "fp32", "tune": "off", "batch_size": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The embedded model's, of random weights."""
    return random_lora(TINY_FASHION, tmp_path_factory.mktemp("lora"))


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The same as a whole UNet."""
    return whole_unet(TINY_FASHION, folder, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def user_lora(folder, tmp_path_factory):
    """A LoRA file of the user's, which changes a few layers."""
    tensors = load_file(folder / "pytorch_lora_weights.safetensors")
    path = tmp_path_factory.mktemp("user") / "style.safetensors"
    save_file({name: w for name, w in tensors.items() if ".down_blocks.1." in name}, path)
    return str(path)


def plan(count=4):
    classes = parse_classes(["sneaker", "dress"])
    return list(SamplePlan(load_recipe("random-guidance"), classes, count // 2, seed=5))


def images(unet, wanted=None, **options):
    return Generator(unet=str(unet), **{"engine": "torch", **FP32, **options}).images(
        wanted or plan()
    )[0]


def test_images_are_those_of_the_unmodified_pipeline(folder, difference):
    pipeline = StableDiffusionPipeline.from_pretrained(
        TINY_FASHION, unet=told_unet(TINY_FASHION, folder), safety_checker=None
    )
    pipeline.load_lora_weights(folder)
    config = {**pipeline.scheduler.config, "timestep_spacing": "trailing", "clip_sample": False}
    pipeline.scheduler = DDIMScheduler.from_config(config)
    pipeline.set_progress_bar_config(disable=True)
    expected = [
        pipeline(
            spec.prompt,
            guidance_scale=spec.guidance,
            num_inference_steps=4,
            latents=philox_normal_reference(torch.tensor([spec.seed]), (4, 8, 8), 0),
            output_type="pt",
        ).images
        for spec in plan()
    ]
    pixels = (torch.cat(expected) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    distance = difference(images(folder), pixels)
    assert distance.mean() <= 1
    assert distance.max() <= 3


@pytest.mark.slow
def test_an_engine_from_the_cache_is_that_of_the_lora(folder, difference, tmp_path):
    other = random_lora(TINY_FASHION, tmp_path, seed=1)
    found = [images(one, engine="onnxruntime") for one in (folder, other)]
    expected = [images(one) for one in (folder, other)]
    assert all(difference(a, b).max() <= 1 for a, b in zip(found, expected, strict=True))
    assert difference(*expected).max() > 10


@pytest.mark.slow
def test_the_compiled_engine_makes_the_same_images(folder, difference):
    assert difference(images(folder, engine="torch:compiled"), images(folder)).max() <= 1


@pytest.mark.parametrize(
    "options",
    [{"steps": 2}, {"first_steps": 1}, {"lora": 0.5}, {"lora": 1.0, "first_steps": 2}],
    ids=str,
)
def test_it_does_what_the_whole_unet_does(folder, whole, user_lora, options, difference):
    given = dict(options)
    if "lora" in given:
        given["lora"] = (f"{user_lora}:{given['lora']}",)
    found = images(folder, **given)
    assert difference(found, images(whole, **given)).max() <= 1
    assert difference(found, images(folder)).max() > 3


def test_a_model_brings_it_along_as_its_few_step_unet(folder, whole, difference, tmp_path):
    model = Path(shutil.copytree(TINY_FASHION, tmp_path / "model"))
    shutil.rmtree(model / "few_step_unet")
    shutil.copytree(folder, model / "few_step_unet")
    options = {"engine": "torch", "model": str(model), **FP32}
    ours = Generator(**options)
    assert (ours.facts.unet, ours.facts.steps) == ("few-step", 4)
    assert difference(ours.images(plan())[0], images(whole)).max() <= 1


def test_guidance_that_it_has_not_learnt_is_refused(folder):
    spec = replace(plan(2)[0], guidance=9.5)
    with pytest.raises(InputError, match=r"guidance 9\.5 was asked .* distilled for 1 to 8"):
        images(folder, [spec])


def test_steps_that_it_does_not_serve_are_refused(folder):
    with pytest.raises(InputError, match="steps=3 was asked for, the distilled UNet serves 4, 2"):
        images(folder, steps=3)
