"""Distilling small models from end to end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.train.distilling.distil import distil
from zeroreal.train.distilling.settings import DistilSettings

SETTINGS = DistilSettings(
    classes=("sneaker", "bag"),
    images_per_class=6,
    steps=(2, 1),
    teacher_steps=4,
    updates=12,
    train_batch_size=8,
    engine="torch",
    precision="fp32",
    batch_size=6,
)
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module", autouse=True)
def _few_compared():
    """The effect is measured on few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroreal.train.distilling.distil._COMPARED", 12)
        yield


@pytest.fixture(scope="module")
def model(tiny_model):
    """A teacher whose weights are random, and few."""
    return str(tiny_model("sd15"))


@pytest.fixture(scope="module")
def student(model, tmp_path_factory):
    """Its student of a few updates."""
    out = tmp_path_factory.mktemp("distilled") / "unet"
    return distil(replace(SETTINGS, model=model), out).folder


def test_plain_diffusers_loads_the_student_with_its_embedding_of_guidance(student):
    unet = UNet2DConditionModel.from_pretrained(student)
    assert unet.config.time_cond_proj_dim == 64
    assert unet.time_embedding.cond_proj.weight.abs().max() > 0, "it has learnt from guidance"


def test_the_record_says_how_the_student_is_run(student):
    record = json.loads((student / "distilled.json").read_text())
    assert record["scheduler"] == "DDIM:trailing"
    assert record["timestep_offsets"] == {"2": 0.0, "1": 5.0}
    assert record["guidance"] == [1.0, 5.0]
    assert not (student / "work").exists()


def test_a_generator_takes_the_student_in_place_of_the_models_own_unet(model, student):
    plan = SamplePlan(load_recipe("random-guidance"), parse_classes(SETTINGS.classes), 2, 7)
    ours = Generator(model=model, unet=str(student), engine="torch", tune="off")
    assert (ours.facts.steps, ours.facts.scheduler) == (2, "DDIMScheduler")
    assert len(ours.images(plan)[0]) == 4


def test_an_interrupted_distillation_goes_on_to_the_same_weights(model, student, tmp_path):
    class InterruptionError(Exception):
        pass

    def interrupt(news):
        if news.stage == "distil" and news.done == 10:
            raise InterruptionError

    out = tmp_path / "unet"
    settings = replace(SETTINGS, model=model, checkpoint_seconds=0)
    with pytest.raises(InterruptionError):
        distil(settings, out, interrupt)
    distil(settings, out)
    found, expected = (load_file(folder / WEIGHTS) for folder in (out, student))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"steps": (3,)}, "3 steps were asked of a student whose teacher takes 4"),
        ({"steps": ()}, "give some such as 4,2,1"),
        ({"updates": 0}, "updates is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0.0"),
        ({"moving_average": 1.0}, "moving average is 1.0"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused(change, complaint):
    with pytest.raises(InputError, match=complaint):
        replace(SETTINGS, **change)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a distillation under way"):
        distil(SETTINGS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["own", "few-step"])
def test_a_folder_called_as_a_unet_that_models_bring_along_is_refused(name):
    with pytest.raises(InputError, match=f"'{name}' is what --unet calls"):
        distil(SETTINGS, Path(name))


def test_a_model_that_is_distilled_already_is_no_teacher(tiny_model, tmp_path):
    with pytest.raises(InputError, match="is distilled already"):
        distil(replace(SETTINGS, model=str(tiny_model("lcm"))), tmp_path / "unet")
    assert not (tmp_path / "unet").exists()


def test_a_recipe_with_negative_prompts_is_refused(tmp_path):
    recipe = tmp_path / "away.yaml"
    recipe.write_text("prompt: a {class}\nnegative_prompt: blurred\n")
    with pytest.raises(InputError, match="negative prompt 'blurred'"):
        distil(replace(SETTINGS, recipe=str(recipe)), tmp_path / "unet")


def test_a_loss_that_is_not_finite_ends_in_a_sentence(model, tmp_path, monkeypatch):
    def not_finite(begin, *_):
        return torch.full_like(begin, torch.inf)

    monkeypatch.setattr("zeroreal.train.distilling.training.targets", not_finite)
    with pytest.raises(InputError, match="the loss is nan after 10 updates: give a lower"):
        distil(replace(SETTINGS, model=model), tmp_path / "unet")
