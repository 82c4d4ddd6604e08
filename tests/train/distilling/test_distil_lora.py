"""Distilling small models to a LoRA from end to end."""

import json
from dataclasses import replace

import pytest
import torch
from distilled_loras import EMBEDDING, LORA, plain_unet
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.export.graphs.modules import load_module
from zeroreal.export.model.parts import PartsChoice, find_parts
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.train.distilling.distil import distil
from zeroreal.train.distilling.settings import DistilSettings
from zeroreal.train.distilling.training import Distillation

SETTINGS = DistilSettings(
    classes=("sneaker", "bag"),
    images_per_class=6,
    steps=(2, 1),
    teacher_steps=4,
    lora_rank=3,
    updates=12,
    train_batch_size=4,
    engine="torch",
    precision="fp32",
    batch_size=6,
)
FAMILIES = ["sd15", "sd21", "sdxl"]


@pytest.fixture(scope="module", autouse=True)
def _few_compared():
    """The effect is measured on few images, and its speed for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroreal.train.distilling.distil._COMPARED", 4)
        patch.setattr("zeroreal.train.distilling.effect._ENOUGH", 0.01)
        yield


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    """What distilling gives of each family's model with random weights, made when asked for."""
    results = {}

    def make(family):
        if family not in results:
            out = tmp_path_factory.mktemp(family) / "lora"
            results[family] = distil(replace(SETTINGS, model=str(tiny_model(family))), out)
        return results[family]

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_diffusers_loads_it_to_the_same_unet(tiny_model, made, family):
    model, folder = tiny_model(family), made(family).folder
    plain = plain_unet(model, folder)
    ours = load_module("denoise", find_parts(model, PartsChoice(unet=str(folder))), None).unet
    draw = torch.Generator().manual_seed(0)
    text = torch.randn(2, 5, plain.config.cross_attention_dim, generator=draw)
    guidance = torch.randn(2, 64, generator=draw)
    conditions = {"timestep_cond": guidance}
    if family == "sdxl":
        added = {"text_embeds": torch.randn(2, 32, generator=draw), "time_ids": torch.ones(2, 6)}
        conditions["added_cond_kwargs"] = added
    given = (torch.randn(2, 4, 8, 8, generator=draw), 504, text)
    with torch.no_grad():
        found, expected = (unet(*given, **conditions).sample for unet in (ours, plain))
        plain.disable_lora()
        without = plain(*given, **conditions).sample
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, without, atol=1e-4)


def test_the_folder_holds_two_small_files_and_their_record(tiny_model, made):
    result = made("sd15")
    names = {path.name: path.stat().st_size for path in result.folder.iterdir()}
    assert names.keys() == {LORA, EMBEDDING, "distilled.json"}
    assert result.weights == names[LORA] + names[EMBEDDING]
    whole = tiny_model("sd15") / "unet" / "diffusion_pytorch_model.safetensors"
    assert result.weights < whole.stat().st_size / 4
    assert result.memory > 100e6, "a process with PyTorch takes more"


def test_the_record_says_the_rank_of_the_file(made):
    folder = made("sd15").folder
    record = json.loads((folder / "distilled.json").read_text())
    layers = load_file(folder / LORA)
    ranks = {len(weight) for name, weight in layers.items() if "lora_A" in name}
    assert ranks == {record["lora"]["rank"]} == {3}
    assert record["timestep_offsets"] == {"2": 0.0, "1": 5.0}


@pytest.mark.parametrize("family", FAMILIES)
def test_it_has_learnt_in_every_layer_and_from_guidance(made, family):
    layers, embedding = (load_file(made(family).folder / name) for name in (LORA, EMBEDDING))
    ups = [weight for name, weight in layers.items() if "lora_B" in name]
    assert ups
    # Zero until trained.
    assert all(weight.abs().max() > 0 for weight in (*ups, *embedding.values()))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_takes_it_in_place_of_a_unet(tiny_model, made, family):
    plan = SamplePlan(load_recipe("random-guidance"), parse_classes(SETTINGS.classes), 2, 7)
    options = {"model": str(tiny_model(family)), "engine": "torch", "tune": "off"}
    ours = Generator(unet=str(made(family).folder), **options)
    assert (ours.facts.steps, ours.facts.scheduler) == (2, "DDIMScheduler")
    own = Generator(steps=2, unet="own", **options)
    images, other = (one.images(plan)[0] for one in (ours, own))
    assert len(images) == 4
    assert not torch.equal(images, other)


def test_an_interrupted_distillation_goes_on_to_the_same_bytes(
    tiny_model, made, tmp_path, monkeypatch
):
    class InterruptionError(Exception):
        pass

    def interrupt(news):
        if news.stage == "distil" and news.done == 10:
            raise InterruptionError

    out = tmp_path / "lora"
    settings = replace(SETTINGS, model=str(tiny_model("sd15")), checkpoint_seconds=0)
    with pytest.raises(InterruptionError):
        distil(settings, out, interrupt)
    left, update = [], Distillation._update

    def counted(distillation, examples):
        left.append(distillation.updates)
        return update(distillation, examples)

    monkeypatch.setattr(Distillation, "_update", counted)
    distil(settings, out)
    assert left == [9, 10, 11]
    for path in made("sd15").folder.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_what_was_begun_with_another_rank_is_not_gone_on_with(tiny_model, tmp_path):
    class InterruptionError(Exception):
        pass

    def interrupt(news):
        if news.stage == "distil":
            raise InterruptionError

    out = tmp_path / "lora"
    settings = replace(SETTINGS, model=str(tiny_model("sd15")), checkpoint_seconds=0)
    with pytest.raises(InterruptionError):
        distil(settings, out, interrupt)
    for rank in (2, None):
        with pytest.raises(InputError, match=r"is of distillation .*, this training has"):
            distil(replace(settings, lora_rank=rank), out)


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_one_is_refused(rank):
    with pytest.raises(InputError, match=f"LoRA rank is {rank}: give 1 or more, or leave it out"):
        replace(SETTINGS, lora_rank=rank)


def test_a_rank_beyond_the_layers_is_refused_before_anything_is_made(tiny_model, tmp_path):
    settings = replace(SETTINGS, model=str(tiny_model("sd15")), lora_rank=1000)
    with pytest.raises(InputError, match="has no more than 32, so give at most that"):
        distil(settings, tmp_path / "lora")
    assert not (tmp_path / "lora").exists()
