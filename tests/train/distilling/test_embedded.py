"""The few-step UNet that ships: what its images teach, and that its file is what it says."""

import pytest
import torch
from safetensors.torch import load_file

from zeroreal.assets import FASHION_MNIST_TEST, TINY_FASHION
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.data import load_real_images
from zeroreal.export import source_digest
from zeroreal.export.model.distilled import read_distilled
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.classes import prompt_aliases
from zeroreal.train import Trainer

FOLDER = TINY_FASHION / "few_step_unet"
_FLOOR = 0.66  # 500 images of 12 guided steps give 71.4 % with a deviation of 2 over seeds


def test_it_is_small_finite_and_of_the_model_that_ships():
    weights = FOLDER / "diffusion_pytorch_model.safetensors"
    assert weights.stat().st_size <= 12e6
    assert all(tensor.isfinite().all() for tensor in load_file(weights).values())
    record = read_distilled(FOLDER)
    assert record.teacher == source_digest(TINY_FASHION)
    assert (record.steps, record.guidance) == ((4, 2, 1), (1.0, 8.0))


def test_every_shipped_recipe_is_inside_the_guidance_that_it_learnt():
    low, high = read_distilled(FOLDER).guidance
    classes = parse_classes(EMBEDDED_CLASSES)
    for name in ("base", "class-prompt", "multi-domain", "random-guidance", "merged"):
        plan = SamplePlan(load_recipe(name), classes, 20)
        assert all(low <= spec.guidance <= high for spec in plan)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [4, 2])
def test_a_classifier_learns_from_500_of_its_images(steps):
    classes = parse_classes(EMBEDDED_CLASSES)
    plan = SamplePlan(load_recipe("random-guidance"), classes, 50, seed=3)
    generator = Generator(unet="few-step", steps=steps, engine="torch", tune="off")
    trainer = Trainer("test_resnet", num_classes=10, image_size=32, seed=3)
    trainer.fit(*generator.images(plan))
    names = [item.name for item in classes]
    test = load_real_images(FASHION_MNIST_TEST, names, 32, prompt_aliases(classes))
    assert trainer.evaluate(test.images, test.labels).accuracy > _FLOOR


def test_images_of_four_steps_are_near_those_of_the_model_they_learnt_from():
    classes = parse_classes(EMBEDDED_CLASSES)
    plan = list(SamplePlan(load_recipe("random-guidance"), classes, 2, seed=11))
    options = {"engine": "torch", "precision": "fp32", "tune": "off"}
    teacher, student = (
        Generator(unet=unet, **options).images(plan)[0].float() for unet in ("own", "few-step")
    )
    other = torch.roll(teacher, 1, dims=0)
    apart = (student - teacher).abs().mean()
    assert apart < (other - teacher).abs().mean() / 2
