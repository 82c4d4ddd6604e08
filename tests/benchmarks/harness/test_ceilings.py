"""What devices can do, by a clock that the work itself moves."""

import pytest
import torch

from zeroreal.benchmarks.harness import ceilings
from zeroreal.benchmarks.harness.ceilings import (
    LEAST_SECONDS,
    copy_bandwidth,
    matmul_ceiling,
    measure_copy,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _half_a_second_at_best(monkeypatch):
    now, times = [0.0], iter([0.7, 0.5, 0.6, 0.9, 0.1])

    def timed(work, device, repeats):
        seconds = next(times)
        now[0] += seconds
        return seconds

    monkeypatch.setattr(ceilings, "timed", timed)
    monkeypatch.setattr(ceilings.time, "perf_counter", lambda: now[0])
    monkeypatch.setitem(ceilings._COPY_BYTES, "cpu", 1000)
    monkeypatch.setitem(ceilings._MATMUL_SIDE, "cpu", 10)


def test_a_copy_reads_and_writes_every_byte():
    assert copy_bandwidth(CPU) == 2 * 1000 / 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_of_square_matrices_takes_twice_the_side_cubed(dtype):
    assert matmul_ceiling(CPU, dtype) == 2 * 10**3 / 0.5


def test_it_is_tried_until_two_seconds_are_over():
    found = measure_copy(CPU)
    assert LEAST_SECONDS == 2.0
    assert (found.tries, found.seconds) == (4, pytest.approx(0.7 + 0.5 + 0.6 + 0.9))
    assert found.clocks == {}, "a CPU's are not read"
