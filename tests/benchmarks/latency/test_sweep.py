"""Batch sizes: the knee, and when there is no larger one."""

import pytest

from zeroreal.benchmarks.harness import ContenderError
from zeroreal.benchmarks.latency import sweep as sweeping
from zeroreal.benchmarks.latency.breakdown import BatchRecord
from zeroreal.benchmarks.latency.job import LatencyJob
from zeroreal.benchmarks.latency.sweep import SizePoint, knee, sweep
from zeroreal.generate import GenerateSettings

JOB = LatencyJob(GenerateSettings(model="m"), "cpu", "base")
FOUND = {"engine": "torch", "batch_size": 8, "vae_batch_size": 4}


@pytest.mark.parametrize(
    ("rates", "size"),
    [
        ([(1, 10.0), (2, 19.0), (4, 30.0), (8, 30.5)], 4),
        ([(1, 10.0), (2, 19.0), (4, 30.0), (8, 31.0)], 8),  # 30 of 31 are less than 97 %
        ([(1, 10.0), (2, 5.0)], 1),
        ([(8, 97.0), (4, 97.0), (2, 96.9), (16, 100.0)], 4),
        ([(3, 1.0)], 3),
    ],
)
def test_the_knee_is_the_smallest_batch_near_the_best_rate(rates, size):
    assert knee(rates) == size


def test_a_point_s_rates_are_images_by_seconds():
    assert SizePoint(8, (2.0, 4.0)).images_per_second == (4.0, 2.0)


class Worker:
    """Takes a second for each image; five do not fit."""

    def __init__(self, make):
        (self.job,) = make.args
        self.size = self.job.settings.batch_size

    def call(self, method, *arguments):
        if self.size > 4:
            raise ContenderError("out of memory")
        if method == "memory":
            return {"peak_memory_bytes": 100 * self.size}
        return BatchRecord(0.0, float(self.size))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_each_size_has_its_process_and_the_first_that_does_not_fit_ends_it(monkeypatch):
    monkeypatch.setattr(sweeping, "Worker", Worker)
    points = []
    sweep(JOB, FOUND, (1, 4, 8, 16), 2, points.append)
    assert points == [
        SizePoint(1, (1.0, 1.0), {"peak_memory_bytes": 100}),
        SizePoint(4, (4.0, 4.0), {"peak_memory_bytes": 400}),
        SizePoint(8, reason="out of memory"),
    ]


def test_another_size_keeps_what_was_found_and_decodes_no_more_at_once_than_before():
    small, large = (JOB.settled(FOUND, size).settings for size in (2, 16))
    assert (small.batch_size, small.vae_batch_size) == (2, 2)
    assert (large.batch_size, large.vae_batch_size) == (16, 4)
    assert (small.engine, small.tune) == ("torch", "off")
