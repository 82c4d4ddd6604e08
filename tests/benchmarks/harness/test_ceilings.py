"""What devices can do, from times that are known."""

import pytest
import torch

from zeroreal.benchmarks.harness import ceilings as devices
from zeroreal.benchmarks.harness.ceilings import copy_bandwidth, matmul_ceiling

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _half_a_second_at_best(monkeypatch):
    times = iter([2.0, 0.5, 1.0, 3.0, 2.0])
    monkeypatch.setattr(devices, "timed", lambda work, device, repeats: next(times))
    monkeypatch.setitem(devices._COPY_BYTES, "cpu", 1000)
    monkeypatch.setitem(devices._MATMUL_SIDE, "cpu", 10)


def test_a_copy_reads_and_writes_every_byte():
    assert copy_bandwidth(CPU) == 2 * 1000 / 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_of_square_matrices_takes_twice_the_side_cubed(dtype):
    assert matmul_ceiling(CPU, dtype) == 2 * 10**3 / 0.5
