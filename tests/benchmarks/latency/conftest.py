"""What the tests of the latency benchmark share."""

from contextlib import contextmanager

import pytest

from zeroreal.benchmarks.latency import bench, guard, limits, sweep, timing
from zeroreal.benchmarks.latency.settings import LatencySettings
from zeroreal.benchmarks.latency.start import Start
from zeroreal.generate import GenerateSettings

SETTINGS = LatencySettings(
    device="cpu",
    batches=3,
    sizes=(1, 2),
    sweep_batches=2,
    starts=2,
    guard_images=2,
    generate=GenerateSettings(engine="torch", precision="fp32", steps=2, batch_size=2, tune="off"),
)


@pytest.fixture(scope="session")
def settings():
    """A run of few batches, with an engine that is fixed."""
    return SETTINGS


@pytest.fixture(scope="session")
def near(near_worker):
    """A context in which all is done in this process, on a machine of 1 TFLOP/s and 10 GB/s."""

    @contextmanager
    def context():
        with pytest.MonkeyPatch.context() as patch:
            for module in (bench, guard, limits, sweep, timing):
                patch.setattr(module, "Worker", near_worker)
            patch.setattr(limits, "matmul_ceiling", lambda device, dtype: 1e12)
            patch.setattr(limits, "copy_bandwidth", lambda device: 1e10)
            patch.setattr(bench, "start_once", lambda job: Start(9.0, 3.0, 2.0))
            yield

    return context
