"""The script that made the embedded model's small decoder, on a few random images and steps."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderTiny

from zeroreal.assets import TINY_FASHION

SCRIPT = Path(__file__).parents[2] / "tools" / "train_tiny_decoder.py"


def test_it_writes_a_decoder_that_diffusers_loads_and_says_how_near_it_comes(
    data, tmp_path, monkeypatch, capsys
):
    shutil.copytree(TINY_FASHION / "vae", tmp_path / "vae")
    arguments = ["--data", data, "--pipeline", tmp_path]
    for option, value in {"examples": 64, "steps": 2, "batch": 4, "held-out": 8}.items():
        arguments += [f"--{option}", value]
    monkeypatch.setattr(sys, "argv", [str(part) for part in (SCRIPT, *arguments)])
    monkeypatch.syspath_prepend(SCRIPT.parent)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["psnr_db"] > 0
    decoder = AutoencoderTiny.from_pretrained(tmp_path / "tiny_vae")
    images = decoder.decode(torch.randn(2, 4, 8, 8)).sample
    assert images.shape == (2, 3, 32, 32)
    assert images.isfinite().all()
