"""Interruptions, models and batches that do not fit, and new processes that fail."""

from dataclasses import replace

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.benchmarks.harness import ContenderError, Progress
from zeroreal.benchmarks.latency import guard, start
from zeroreal.benchmarks.latency.bench import measure_latency
from zeroreal.benchmarks.latency.job import LatencyJob
from zeroreal.benchmarks.latency.worker import LatencyWorker


@pytest.fixture(autouse=True)
def _near(near):
    with near():
        yield


def test_ctrl_c_leaves_the_batches_that_were_timed(settings, monkeypatch):
    right, calls = LatencyWorker.batch, []

    def batch(self, is_seen):
        calls.append(is_seen)
        if len(calls) > 3 + 4:  # warming up, and two pairs
            raise KeyboardInterrupt
        return right(self, is_seen)

    monkeypatch.setattr(LatencyWorker, "batch", batch)
    found = measure_latency(settings)
    assert not found.finished
    (whole,) = (row for row in found.rows if row.name == "whole")
    assert len(whole.metrics["seconds"].values) == 2
    assert calls == [True] * 3 + [False, True, True, False, False]


def test_ctrl_c_before_anything_was_timed_is_passed_on(settings, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(LatencyWorker, "loaded", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_latency(settings)


def test_what_there_is_is_kept_after_each_part(settings):
    kept = []
    some = replace(settings, parts=("sweep", "start"), guard_images=1, sweep_batches=1)
    measure_latency(some, Progress(keep=kept.append))
    assert [len(figures.rows) for figures in kept] == [1, 2, 3, 7, 7]
    assert not any(figures.finished for figures in kept)


def test_a_batch_that_does_not_fit_is_said(settings, monkeypatch):
    from zeroreal.generate.sampling.sampler import Sampler

    right = Sampler.__call__

    def call(self, seeds, *more):
        if len(seeds) > 1:
            raise MemoryError
        return right(self, seeds, *more)

    monkeypatch.setattr(Sampler, "__call__", call)
    with pytest.raises(InputError, match="a batch of 2 images does not fit into the memory: give"):
        measure_latency(settings)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"engine": "torsh"}, "unknown engine 'torsh': did you mean 'torch'"),
        ({"precision": "fp4"}, "unknown precision 'fp4'"),
        ({"model": "/no/such"}, "/no/such"),
        ({"scheduler": "Euler"}, "Euler"),
    ],
)
def test_a_generator_that_cannot_be_made_is_said(settings, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        measure_latency(replace(settings, generate=replace(settings.generate, **changes)))


def test_an_export_cannot_be_compared_without_its_model(settings, monkeypatch):
    def images(job, count, is_exact):
        if is_exact:
            raise ContenderError("holds ONNX graphs")
        return {}

    monkeypatch.setattr(guard, "_images", images)
    some = replace(settings, parts=("sweep",), sweep_batches=1, sizes=(1,))
    (reason,) = measure_latency(some).reasons
    assert reason == "the images were not compared to the reference's: holds ONNX graphs"


@pytest.mark.slow
def test_a_new_process_really_starts_and_says_what_took_how_long(settings):
    job = LatencyJob(replace(settings.generate, model=str(TINY_FASHION)), "cpu", "base")
    found = start.start_once(job)
    assert min(found.importing, found.load, found.first) > 0
    assert found.whole == pytest.approx(found.importing + found.load + found.first)


def test_a_new_process_that_fails_is_said(settings, monkeypatch):
    monkeypatch.setattr(start, "_PROGRAM", "zeroreal.nothing")
    job = LatencyJob(settings.generate, "cpu", "base")
    with pytest.raises(InputError, match=r"a new process made no images: .*zeroreal\.nothing"):
        start.start_once(job)
