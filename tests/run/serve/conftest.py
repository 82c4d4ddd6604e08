"""A run of version 1, its judge, and a server of it."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from served import served

from zeroreal.run.judge import Judge, load_judge

FIXTURE = Path(__file__).parents[2] / "fixtures" / "run-version-1"


@pytest.fixture(scope="session")
def run_folder():
    return FIXTURE / "finished"


@pytest.fixture(scope="session")
def garment():
    return FIXTURE / "garment.png"


@pytest.fixture(scope="session")
def judge(run_folder):
    return load_judge(run_folder, "cpu")


@pytest.fixture(scope="session")
def port(judge):
    """Where the run's classifier is served, with usual limits."""
    with served(judge) as port:
        yield port


@pytest.fixture
def pictures():
    """A function that gives random pictures, uint8 `[N, H, W, 3]`."""
    random = np.random.default_rng(0)
    return lambda *shape: random.integers(0, 256, (*shape, 3), np.uint8)


class Held:
    """A judge of two classes that waits to be let go, and remembers what it was given."""

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()
        self.sizes = []
        self.judge = Judge(
            ("dark", "light"), ("dark", "light"), 4, torch.device("cpu"), self._judge
        )

    def _judge(self, images):
        self.sizes.append(len(images))
        self.begun.set()
        assert self.go.wait(20)
        light = images.float().mean((1, 2, 3)) / 255
        return torch.stack([1 - light, light], 1), [None] * len(images)

    def hold(self):
        """From now on it waits."""
        self.go.clear()
        self.begun.clear()
        self.sizes.clear()


@pytest.fixture
def held():
    held = Held()
    yield held
    held.go.set()
