"""What the tests of benchmarks share."""

import pytest

from zeroreal.benchmarks.harness import ContenderError, reason_of
from zeroreal.benchmarks.harness.ceilings import Ceiling


class NearWorker:
    """Stands in for `Worker`, in this process: starting another takes seconds."""

    def __init__(self, make):
        self._object = make()

    def call(self, method, *arguments):
        try:
            return getattr(self._object, method)(*arguments)
        except Exception as error:
            raise ContenderError(reason_of(error)) from None

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def near_workers(monkeypatch):
    """The throughput benchmark keeps to this process; the device's ceiling is 1 TFLOP/s."""
    from zeroreal.benchmarks.generation import starting, throughput

    monkeypatch.setattr(starting, "Worker", NearWorker)
    ceiling = Ceiling(1e12, 2.0, 3, {})
    monkeypatch.setattr(throughput, "measure_matmul", lambda device, dtype: ceiling)


@pytest.fixture(scope="session")
def near_worker():
    """The class that stands in for `Worker`."""
    return NearWorker
