"""Few-step models of others: told by what their folders say, and run as their makers do."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

from zeroreal.assets import TINY_FASHION
from zeroreal.export.model.model_info import read_model_info
from zeroreal.generate import GenerateSettings, Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.few_step_models import FewStepModel, few_step_model
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.settings import PlanSettings
from zeroreal.generate.suited import STEPS, suited, suited_recipe
from zeroreal.kernels import philox_normal_reference

EULER = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
LEADING = {**EULER, "timestep_spacing": "leading"}
TURBO = FewStepModel("Turbo", 4, 1)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def model(tmp_path):
    """Gives a copy of the embedded model without its few-step UNet, changed and named."""

    def make(name="model", scheduler=EULER, saved_from="", **unet):
        folder = tmp_path / name
        shutil.copytree(TINY_FASHION, folder, ignore=shutil.ignore_patterns("few_step_unet"))
        edit(folder / "scheduler" / "scheduler_config.json", **scheduler)
        edit(folder / "model_index.json", scheduler=["diffusers", scheduler["_class_name"]])
        edit(folder / "unet" / "config.json", _name_or_path=saved_from, **unet)
        return folder

    return make


@pytest.mark.parametrize(
    ("name", "scheduler", "saved_from", "expected"),
    [
        ("model", EULER, "", None),
        ("turbocharged", EULER, "", None),
        ("sd-turbo", EULER, "", TURBO),
        ("models--stabilityai--sdxl-turbo/snapshots/7115331", EULER, "", TURBO),
        ("model", EULER, "stabilityai/sd_Turbo", TURBO),
        ("sd-turbo", LEADING, "", replace(TURBO, scheduler="EulerDiscreteScheduler:trailing")),
        ("sdxl-lightning-8step", EULER, "", FewStepModel("Lightning", 8, 1)),
        ("sdxl_lightning_2_steps_mine", EULER, "", FewStepModel("Lightning", 2, 1)),
        ("sdxl-lightning-12step", EULER, "", FewStepModel("Lightning", 4, 1)),
        ("model", {"_class_name": "LCMScheduler"}, "", FewStepModel("LCM", 4, 1)),
        ("model", {"_class_name": "TCDScheduler"}, "", FewStepModel("TCD", 4, 1)),
    ],
)  # fmt: skip
def test_a_folder_says_what_it_holds(model, name, scheduler, saved_from, expected):
    folder = model(name, scheduler, saved_from)
    assert few_step_model(folder, read_model_info(folder)) == expected


def test_a_latent_consistency_model_has_guidance_inside(model):
    folder = model(scheduler={"_class_name": "LCMScheduler"}, time_cond_proj_dim=64)
    assert few_step_model(folder, read_model_info(folder)) == FewStepModel("LCM", 4, 8.5)


def test_what_is_named_wins(model, caplog):
    folder = model("sd-turbo", LEADING)
    generate = GenerateSettings(model=str(folder))
    found = suited(folder, generate)
    assert (found.steps, found.scheduler) == (4, "EulerDiscreteScheduler:trailing")
    assert [leaf.guidance for leaf in suited_recipe(PlanSettings(), generate).leaves] == [1.0]
    assert "Turbo model" in caplog.text
    named = suited(folder, replace(generate, steps=2, scheduler="DDIM"))
    assert (named.steps, named.scheduler) == (2, "DDIM")
    caplog.clear()
    recipe = suited_recipe(PlanSettings(guidance=(1.5, 3.0)), generate)
    assert recipe.leaves[0].guidance.uniform == (1.5, 3.0)
    assert not caplog.text


def test_other_models_keep_the_recipe_and_its_steps(model):
    folder = model()
    generate = GenerateSettings(model=str(folder))
    assert suited(folder, generate).steps == STEPS
    assert suited(folder, generate).scheduler is None
    for name in ("random-guidance", "merged"):
        recipe = suited_recipe(PlanSettings(recipe=name), generate)
        assert recipe_content(recipe) == recipe_content(load_recipe(name))


def test_images_are_those_of_the_pipeline_as_its_makers_run_it(model, difference):
    folder = model("sd-turbo", LEADING)
    generate = GenerateSettings(model=str(folder), engine="torch", precision="fp32", tune="off")
    recipe = suited_recipe(PlanSettings(recipe="merged"), generate)
    plan = SamplePlan(recipe, parse_classes(["sneaker", "dress"]), 2, seed=3)
    images, _ = Generator(generate).images(list(plan))
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.scheduler = EulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing"
    )
    pipeline.set_progress_bar_config(disable=True)
    for image, spec in zip(images, plan, strict=True):
        noise = philox_normal_reference(torch.tensor([spec.seed]), (4, 8, 8), 0)
        (theirs,) = pipeline(
            spec.prompt, guidance_scale=0, num_inference_steps=4, latents=noise, output_type="pt"
        ).images
        expected = (theirs * 255).round().to(torch.uint8).permute(1, 2, 0)
        assert difference(image[None], expected[None]).max() <= 1
