"""The examples run, as a reader would run them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_plain_loop_trains_while_images_arrive():
    out = run("plain_loop.py", "--images-per-class", 16, "--steps", 2, "--epochs", 3)
    lines = [line for line in out.splitlines() if line.startswith("epoch")]
    # Blocks of 12 images of 48: passes over 12, 24, 36 and 48, and the 24 left of 3 x 48.
    assert len(lines) == 5
    assert lines[-1].endswith("replay ratio 3.0")


def test_lightning_takes_the_loader_for_a_dataloader(tmp_path):
    pytest.importorskip("lightning")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(8):
            pixels = random.integers(0, 256, (40, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    out = run("lightning_loop.py", tmp_path, "--epochs", 2)
    assert "trained on 16 images of cat, dog" in out
