"""The script that made the embedded model, on a few random images and steps."""

import json

import pytest
import torch
from safetensors.torch import load_file

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def train(run_script, data):
    """A function that trains with a folder for checkpoints, and gives that of the pipeline."""
    few = {
        "held_out": 8,
        "classifier_steps": 2,
        "autoencoder_steps": 2,
        "autoencoder_batch": 4,
        "unet_batch": 4,
        "checkpoint_every": 2,
    }

    def train(work, unet_steps):
        folders = {"data": data, "work": work, "out": work / "out"}
        run_script("train_tiny_pipeline.py", **folders, **few, unet_steps=unet_steps)
        return work / "out"

    return train


def test_it_writes_a_folder_that_generates_and_goes_on_from_its_checkpoint(train, tmp_path):
    from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes

    work = tmp_path / "work"
    out = train(work, unet_steps=2)
    plan = SamplePlan(load_recipe("base"), parse_classes(["coat", "bag"]), 1)
    images, _ = Generator(model=out, device="cpu", steps=1, tune="off").images(plan)
    assert images.shape == (2, 32, 32, 3)

    before = (work / "vae.pt").stat().st_mtime_ns
    (out / "README.md").write_text("a card")
    again = train(work, unet_steps=4)
    assert (work / "vae.pt").stat().st_mtime_ns == before, "finished stages stay"
    assert (again / "README.md").read_text() == "a card"
    figures = json.loads((work / "figures.json").read_text())
    assert figures["unet"]["steps"] == 4
    assert figures["settings"]["held_out"] == 8
    assert all(value.isfinite().all() for value in load_file(again / WEIGHTS).values())


def test_the_same_seed_gives_the_same_weights(train, tmp_path):
    first, second = (load_file(train(tmp_path / name, 2) / WEIGHTS) for name in "ab")
    assert all(torch.equal(value, second[name]) for name, value in first.items())
