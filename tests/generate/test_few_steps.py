"""The few-step UNet that the embedded model brings along, against `diffusers` with its weights."""

import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import find_model
from zeroreal.generate import GenerateSettings, Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.suited import suited
from zeroreal.kernels import philox_normal_reference

FEW_STEP = TINY_FASHION / "few_step_unet"
OFFSETS = {4: 0, 2: 5, 1: 10}


@pytest.fixture(scope="module")
def pipeline():
    """The published pipeline with the few-step UNet and DDIM in trailing spacing."""
    loaded = StableDiffusionPipeline.from_pretrained(
        TINY_FASHION, unet=UNet2DConditionModel.from_pretrained(FEW_STEP), safety_checker=None
    )
    config = {**loaded.scheduler.config, "timestep_spacing": "trailing", "clip_sample": False}
    loaded.scheduler = DDIMScheduler.from_config(config)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def plan(count=4, recipe="random-guidance"):
    classes = parse_classes(["sneaker", "dress"])
    return list(SamplePlan(load_recipe(recipe), classes, count // 2, seed=5))


def noise(spec):
    return philox_normal_reference(torch.tensor([spec.seed]), (4, 8, 8), 0)


def as_pixels(images):
    return (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def test_four_steps_are_those_of_the_unmodified_pipeline(pipeline, difference):
    wanted = plan(6)
    assert len({spec.guidance for spec in wanted}) > 1
    images, _ = Generator(engine="torch", precision="fp32", tune="off").images(wanted)
    expected = torch.cat(
        [
            as_pixels(
                pipeline(
                    spec.prompt,
                    guidance_scale=spec.guidance,
                    num_inference_steps=4,
                    latents=noise(spec),
                    output_type="pt",
                ).images
            )
            for spec in wanted
        ]
    )
    distance = difference(images, expected)
    assert distance.mean() <= 1
    assert distance.max() <= 3


def by_hand(pipeline, spec, steps, first=None):
    """The steps one by one by `diffusers`' parts; the model's own UNet `first` takes step 0."""
    pipeline.scheduler.set_timesteps(steps)
    text, away = pipeline.encode_prompt(spec.prompt, "cpu", 1, True, "")
    embedding = pipeline.get_guidance_scale_embedding(
        torch.tensor([spec.guidance - 1]), embedding_dim=64
    )
    latents = noise(spec)
    for number, timestep in enumerate(pipeline.scheduler.timesteps):
        if first is not None and number == 0:
            toward, without = (first(latents, timestep, one).sample for one in (text, away))
            output = without + spec.guidance * (toward - without)
        else:
            told = timestep + OFFSETS[steps]
            output = pipeline.unet(latents, told, text, timestep_cond=embedding).sample
        latents = pipeline.scheduler.step(output, timestep, latents).prev_sample
    decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return as_pixels((decoded / 2 + 0.5).clamp(0, 1))


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 2])
def test_fewer_steps_are_told_by_their_timesteps(pipeline, steps, difference):
    wanted = plan()
    ours = Generator(unet="few-step", steps=steps, engine="torch", precision="fp32", tune="off")
    expected = torch.cat([by_hand(pipeline, spec, steps) for spec in wanted])
    assert difference(ours.images(wanted)[0], expected).max() <= 3


@torch.no_grad()
def test_first_steps_are_the_models_own_with_guidance(pipeline, difference):
    wanted = [spec for spec in plan(8) if spec.guidance > 1]
    own = UNet2DConditionModel.from_pretrained(TINY_FASHION / "unet")
    options = {"unet": "few-step", "engine": "torch", "precision": "fp32", "tune": "off"}
    images, _ = Generator(first_steps=1, **options).images(wanted)
    expected = torch.cat([by_hand(pipeline, spec, 4, own) for spec in wanted])
    assert difference(images, expected).max() <= 3
    assert difference(images, Generator(**options).images(wanted)[0]).max() > 3


def test_images_with_and_without_guidance_share_a_batch_with_first_steps(difference):
    wanted = plan(8)
    assert {spec.guidance > 1 for spec in wanted} == {True, False}
    options = {"unet": "few-step", "first_steps": 1, "engine": "torch", "precision": "fp32"}
    ours = Generator(tune="off", **options)
    together, alone = ours.images(wanted)[0], [ours.images([spec])[0] for spec in wanted]
    assert difference(together, torch.cat(alone)).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "torch:compiled"])
def test_every_engine_makes_the_same_few_step_images(engine, difference):
    wanted = plan()
    options = {"unet": "few-step", "precision": "fp32", "tune": "off", "batch_size": 4}
    expected, _ = Generator(engine="torch", **options).images(wanted)
    assert difference(Generator(engine=engine, **options).images(wanted)[0], expected).max() <= 1


@pytest.mark.parametrize(
    ("given", "unet", "steps"),
    [
        ({}, "few-step", 4),
        ({"steps": 4}, "own", 4),
        ({"scheduler": "DDIM"}, "own", 12),
        ({"guidance_interval": (0.3, 5.0)}, "own", 12),
        ({"negative_prompt": "blurred"}, "own", 12),
        ({"deep_cache": 2}, "own", 12),
        ({"unet": "own"}, "own", 12),
        ({"unet": "few-step", "steps": 2}, "few-step", 2),
        ({"unet": "few-step", "first_steps": 1}, "few-step", 4),
    ],
)
def test_what_is_left_open_suits_what_was_asked_for(given, unet, steps):
    found = suited(TINY_FASHION, GenerateSettings(**given))
    assert (found.unet, found.steps) == (unet, steps)
    assert suited(TINY_FASHION, found) == found


def test_a_model_without_a_few_step_unet_takes_its_own(tiny_model):
    found = suited(tiny_model("sd15"), GenerateSettings())
    assert (found.unet, found.steps) == ("own", 12)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"unet": "few-step", "steps": 3},
            "steps=3 was asked for, the distilled UNet serves 4, 2, 1",
        ),
        ({"unet": "few-step", "scheduler": "DDIM"}, "was distilled for DDIM:trailing"),
        ({"unet": "few-step", "first_steps": 4}, "first steps 4 of 4 leave none"),
        ({"unet": "own", "first_steps": 1}, "the UNet is the model's own throughout"),
        ({"unet": "few-step", "first_steps": 1, "deep_cache": 2}, "which nothing supports"),
        ({"unet": "few-step", "guidance_interval": (0.3, 5.0)}, "has guidance built in"),
        ({"first_steps": -1}, "first steps is -1"),
        ({"unet": "nowhere"}, "UNet folder 'nowhere' does not exist"),
    ],
)
def test_what_a_distilled_unet_cannot_do_is_refused(given, complaint):
    with pytest.raises(InputError, match=complaint):
        Generator(engine="torch", tune="off", **given)


def test_guidance_that_it_has_not_learnt_is_refused():
    spec = replace(plan(2)[0], guidance=9.5)
    with pytest.raises(InputError, match=r"guidance 9\.5 was asked .* distilled for 1 to 8"):
        Generator(engine="torch", tune="off").images([spec])


def test_a_negative_prompt_of_a_sample_is_refused():
    spec = replace(plan(2)[0], negative_prompt="blurred")
    with pytest.raises(InputError, match=r"negative prompt 'blurred'.*--unet own"):
        Generator(engine="torch", tune="off").images([spec])


def test_a_few_step_unet_of_another_model_is_refused(tiny_model):
    with pytest.raises(InputError, match=r"has cross_attention_dim|has block_out_channels"):
        Generator(model=str(tiny_model("sd15")), unet=str(FEW_STEP), engine="torch", tune="off")


def test_a_few_step_unet_of_changed_weights_is_refused(tmp_path):
    changed = tmp_path / "model"
    shutil.copytree(find_model(None), changed)
    weights = changed / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match="was distilled from another model"):
        Generator(model=str(changed), unet="few-step", engine="torch", tune="off")


def test_a_scheduler_for_other_predictions_is_refused(tmp_path):
    changed = tmp_path / "model"
    shutil.copytree(TINY_FASHION, changed)
    config = changed / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("v_prediction", "epsilon"))
    with pytest.raises(InputError, match=r"predicts v_prediction, the scheduler of .* expects eps"):
        Generator(model=str(changed), unet="few-step", engine="torch", tune="off")


def test_a_plan_with_guidance_that_it_has_not_learnt_is_refused_before_the_first_image(tmp_path):
    recipe = tmp_path / "strong.yaml"
    recipe.write_text("prompt: a {class}\nguidance: {uniform: [1, 12]}\n")
    wanted = SamplePlan(load_recipe(str(recipe)), parse_classes(["sneaker", "dress"]), 1)
    with pytest.raises(InputError, match=r"guidance 12 was asked .* distilled for 1 to 8"):
        Generator(engine="torch", tune="off").check_prompts(wanted)
