"""The script that made the embedded model's small decoder, on a few random images and steps."""

import json
import shutil

import torch
from diffusers import AutoencoderTiny

from zeroreal.assets import TINY_FASHION


def test_it_writes_a_decoder_that_diffusers_loads_and_says_how_near_it_comes(
    run_script, data, tmp_path, capsys
):
    shutil.copytree(TINY_FASHION / "vae", tmp_path / "vae")
    few = {"examples": 64, "steps": 2, "batch": 4, "held_out": 8}
    run_script("train_tiny_decoder.py", data=data, pipeline=tmp_path, **few)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["psnr_db"] > 0
    decoder = AutoencoderTiny.from_pretrained(tmp_path / "tiny_vae")
    images = decoder.decode(torch.randn(2, 4, 8, 8)).sample
    assert images.shape == (2, 3, 32, 32)
    assert images.isfinite().all()
