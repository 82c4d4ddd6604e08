"""The script that made the embedded model, on a few random images and steps."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).parents[2] / "tools" / "train_tiny_pipeline.py"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def train(data, folder, unet_steps):
    command = [sys.executable, SCRIPT, "--data", data, "--work", folder, "--out", folder / "out"]
    options = {
        "--held-out": 8,
        "--classifier-steps": 2,
        "--autoencoder-steps": 2,
        "--autoencoder-batch": 4,
        "--unet-batch": 4,
        "--checkpoint-every": 2,
        "--unet-steps": unet_steps,
    }
    for option, value in options.items():
        command += [option, str(value)]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return folder / "out"


def test_it_writes_a_folder_that_generates_and_goes_on_from_its_checkpoint(data, tmp_path):
    from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes

    out = train(data, tmp_path / "work", unet_steps=2)
    plan = SamplePlan(load_recipe("base"), parse_classes(["coat", "bag"]), 1)
    images, _ = Generator(out, device="cpu", steps=1, tune="off").images(plan)
    assert images.shape == (2, 32, 32, 3)

    before = (tmp_path / "work" / "vae.pt").stat().st_mtime_ns
    (out / "README.md").write_text("a card")
    again = train(data, tmp_path / "work", unet_steps=4)
    assert (tmp_path / "work" / "vae.pt").stat().st_mtime_ns == before, "finished stages stay"
    assert (again / "README.md").read_text() == "a card"
    figures = json.loads((tmp_path / "work" / "figures.json").read_text())
    assert figures["unet"]["steps"] == 4
    assert figures["settings"]["held_out"] == 8
    assert all(value.isfinite().all() for value in load_file(again / WEIGHTS).values())


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    first, second = (load_file(train(data, tmp_path / n, 2) / WEIGHTS) for n in "ab")
    assert all(torch.equal(value, second[name]) for name, value in first.items())
