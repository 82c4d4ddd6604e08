"""The waterfall in this process: starting others takes seconds."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.contestant import FirstRun
from zeroreal.benchmarks.harness import ContenderError, reason_of
from zeroreal.benchmarks.waterfall import bench as module


class Fake:
    """Stands in for a worker with a contender: its rates, seconds and memory are known."""

    seconds_of = {}  # noqa: RUF012
    rates = {}  # noqa: RUF012
    memory = 10**6
    alive = set()  # noqa: RUF012
    most_alive = 0

    def __init__(self, make):
        self.text = make.args[1].text
        self._seconds = iter(self.seconds_of.get(self.text, ()))
        Fake.alive.add(self.text)
        Fake.most_alive = max(Fake.most_alive, len(Fake.alive))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        Fake.alive.discard(self.text)

    def call(self, method, *arguments):
        try:
            return getattr(self, method)(*arguments)
        except Exception as error:
            raise ContenderError(reason_of(error)) from None

    def rate(self, batch_size):
        return Fake.rates[batch_size]

    def start(self, batch_size):
        if self.text not in Fake.seconds_of:
            raise InputError(f"{self.text} is not installed: install it")
        pixels = np.full((2, 1, 1, 3), len(Fake.alive), np.uint8)
        return FirstRun(pixels, 1.5, 0.25, Fake.memory, None)

    def seconds(self):
        found = next(self._seconds)
        if found is None:
            raise KeyboardInterrupt
        return found


@pytest.fixture
def fakes(monkeypatch):
    """A function that sets the seconds of each contender, the rate of each batch, and memory."""

    def make(seconds_of, rates=None, memory=10**6):
        Fake.seconds_of, Fake.rates, Fake.memory = seconds_of, rates or {}, memory
        Fake.alive, Fake.most_alive = set(), 0
        monkeypatch.setattr(module, "Worker", Fake)
        monkeypatch.setattr(module, "flop_per_image", lambda job, name: 10.0)
        monkeypatch.setattr(module, "free_memory", lambda device: 10**9)
        return Fake

    return make
