"""The waterfall in this process: starting others takes seconds."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation import starting
from zeroreal.benchmarks.generation.entrant import FirstRun
from zeroreal.benchmarks.harness import ContenderError, reason_of
from zeroreal.benchmarks.waterfall import bench


class Fake:
    """Stands in for a worker with a contender, whose seconds and rates are known."""

    seconds_of = {}  # noqa: RUF012
    rates = {}  # noqa: RUF012

    def __init__(self, make):
        self.text = make.args[1].text
        self._seconds = iter(self.seconds_of.get(self.text, ()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def call(self, method, *arguments):
        try:
            return getattr(self, method)(*arguments)
        except Exception as error:
            raise ContenderError(reason_of(error)) from None

    def rate(self, batch_size):
        return self.rates[batch_size]

    def start(self, batch_size):
        if self.text not in self.seconds_of:
            raise InputError(f"{self.text} is not installed: install it")
        return FirstRun(np.zeros((2, 1, 1, 3), np.uint8), 1.5, 0.25, 10**6, None)

    def seconds(self):
        found = next(self._seconds)
        if found is None:
            raise KeyboardInterrupt
        return found


@pytest.fixture
def fakes(monkeypatch):
    """A function that sets the seconds of each contender and the rate of each batch."""

    def make(seconds_of, rates=None):
        monkeypatch.setattr(Fake, "seconds_of", seconds_of)
        monkeypatch.setattr(Fake, "rates", rates or {})
        monkeypatch.setattr(starting, "Worker", Fake)
        monkeypatch.setattr(bench, "flop_per_image", lambda job, name: 10.0)

    return make
