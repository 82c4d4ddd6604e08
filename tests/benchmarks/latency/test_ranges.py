"""Ranges of a profiler around stages and steps, opened by a stand-in for NVTX on the CPU."""

from contextlib import contextmanager, nullcontext

import pytest
import torch

from zeroreal.benchmarks.harness.ranges import RangedTimeline, nvtx_ranges
from zeroreal.benchmarks.latency.job import LatencyJob
from zeroreal.benchmarks.latency.trace import trace_events
from zeroreal.benchmarks.latency.worker import LatencyWorker


@pytest.fixture
def opened():
    """A function that opens ranges, and in its `events` what was pushed and popped."""

    @contextmanager
    def open_range(name):
        open_range.events.append(("push", name))
        yield
        open_range.events.append(("pop", name))

    open_range.events = []
    return open_range


def test_a_batch_has_the_ranges_that_its_trace_shows(settings, opened):
    worker = LatencyWorker(LatencyJob(settings.generate, "cpu", settings.recipe), opened)
    worker.batch(False)
    assert opened.events == [], "nobody looks"
    events = trace_events([worker.batch(True)])
    shown = {event["name"] for event in events if event["ph"] == "X"} - {"batch 0", "hand-off"}
    pushed = [name for kind, name in opened.events if kind == "push"]
    assert set(pushed) == shown
    assert [name for name in pushed if "step" in name] == ["denoise/step 1", "denoise/step 2"]

    stack = []
    for kind, name in opened.events:
        if kind == "push":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []


def test_steps_are_counted_anew_in_each_batch(opened):
    timeline = RangedTimeline(torch.device("cpu"), opened)
    timeline.start()
    for _ in range(2):
        with timeline.interval("denoise"), timeline.interval("step"):
            pass
    pushed = [name for kind, name in opened.events if kind == "push"]
    assert pushed == ["denoise", "denoise/step 1"] * 2
    assert [one.name for one in timeline.take()] == ["step", "denoise"] * 2


def test_ranges_are_nvtx_s_on_a_gpu_alone():
    assert nvtx_ranges(torch.device("cuda")) is torch.cuda.nvtx.range
    assert isinstance(nvtx_ranges(torch.device("cpu"))("step"), nullcontext)
