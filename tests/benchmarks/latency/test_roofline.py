"""The roofline against cases made by hand: 100 FLOP/s, 10 bytes/s, so a ridge at 10 FLOP/byte."""

import pytest

from zeroreal.benchmarks.latency.roofline import Ceilings, Work, under_roof

CEILINGS = Ceilings(flop_per_second=100, bytes_per_second=10)


def test_work_with_many_operations_a_byte_is_under_the_roof_of_compute():
    found = under_roof(Work(flop=200, bytes=10), 4, CEILINGS)
    assert (found.side, found.intensity, found.attainable) == ("compute", 20, 100)
    assert found.share == pytest.approx(0.5)  # 50 of 100 FLOP/s


def test_work_with_few_operations_a_byte_is_under_that_of_memory():
    found = under_roof(Work(flop=20, bytes=10), 4, CEILINGS)
    assert (found.side, found.intensity, found.attainable) == ("memory", 2, 20)
    assert found.share == pytest.approx(0.25)  # 5 of 20 FLOP/s


def test_work_without_operations_is_measured_by_its_bytes():
    found = under_roof(Work(flop=0, bytes=30), 6, CEILINGS)
    assert (found.side, found.attainable) == ("memory", 0)
    assert found.share == pytest.approx(0.5)  # 5 of 10 bytes/s


def test_work_adds_up():
    assert Work(1, 2) + Work(3, 5).times(2) == Work(7, 12)
