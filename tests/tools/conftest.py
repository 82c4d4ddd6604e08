"""What tests of the scripts share."""

import gzip
import runpy
import sys
from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def run_script(monkeypatch):
    """A function that runs a script in this process, which saves the time of loading PyTorch."""

    def run(name, **options):
        arguments = [name]
        for option, value in options.items():
            arguments += [f"--{option.replace('_', '-')}", str(value)]
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.syspath_prepend(TOOLS)
        runpy.run_path(str(TOOLS / name), run_name="__main__")

    return run


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Fashion-MNIST's files with 40 random images."""
    folder = tmp_path_factory.mktemp("data")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 28, 28), generator=generator, dtype=torch.uint8)
    labels = (torch.arange(40) % 10).to(torch.uint8)
    for name, header, content in (
        ("train-images-idx3-ubyte.gz", (0x803, 40, 28, 28), images),
        ("train-labels-idx1-ubyte.gz", (0x801, 40), labels),
    ):
        prefix = b"".join(number.to_bytes(4, "big") for number in header)
        with gzip.open(folder / name, "wb") as file:
            file.write(prefix + content.numpy().tobytes())
    return folder
