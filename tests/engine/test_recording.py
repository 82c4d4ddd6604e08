"""Recording: one run, whose results count, and nothing beside it that would break it."""

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from stand_in_cuda import stand_in_cuda

from zeroreal.base.readers_writer_lock import RECORDING
from zeroreal.engine import GraphMemory, record, recording
from zeroreal.engine.recording import keep_for_replays

GPU = torch.device("cuda")
SOON = 0.3  # seconds in which a thread that is not held up does something


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    with cuda.watched():
        yield cuda


def test_work_is_done_once_when_it_is_recorded_and_anew_with_each_replay(cuda):
    x, y, runs = torch.ones(3, device=GPU), torch.zeros(3, device=GPU), []

    def work():
        runs.append(cuda.recorded is not None)
        y.add_(x * 2)

    graph = record(work, GraphMemory.on(GPU))
    assert runs == [False, True]
    assert y.tolist() == [2] * 3
    x.fill_(5)
    graph.replay()
    assert y.tolist() == [12] * 3
    assert cuda.faults == []


def test_what_was_enqueued_before_and_after_is_ordered_with_it(cuda):
    x, memory = torch.ones(3, device=GPU), GraphMemory.on(GPU)
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda.current_stream().wait_stream(torch.cuda.default_stream())
        x.add_(1)
        record(lambda: x.mul_(3), memory)
        x.add_(1)
        assert x.tolist() == [7] * 3
    assert cuda.faults == []


def test_memory_that_runs_out_half_way_leaves_the_streams_in_order(cuda):
    x, memory = torch.ones(3, device=GPU), GraphMemory.on(GPU)

    def work():
        x.mul_(2)
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        record(work, memory)
    x.add_(1)
    assert cuda.faults == []


def test_what_replays_use_lives_as_long_as_the_graph(cuda):
    resource = object()

    def work():
        keep_for_replays(resource)
        keep_for_replays(resource)

    assert record(work, GraphMemory.on(GPU)).kept == (resource,)
    keep_for_replays(resource)  # nobody records: nothing to keep it for


def beside(one, other):
    """Do `one` here and `other` in a thread; each is given its own event and the other's."""
    events = [threading.Event(), threading.Event()]
    thread = threading.Thread(target=other, args=events[::-1])
    thread.start()
    one(*events)
    thread.join()


def record_slowly(own, others):
    """Record, and meanwhile give another thread time to begin what it has to do."""

    def work():
        if torch.cuda.is_current_stream_capturing():
            own.set()
            others.wait(SOON)

    record(work, GraphMemory.on(GPU))


def synchronize(own, others):
    others.wait()
    with RECORDING.shared():
        torch.cuda.synchronize()
        own.set()


def drop_out(own, others):
    others.wait()
    with RECORDING.shared():
        torch.nn.functional.dropout(torch.ones(3, device=GPU))
        own.set()


@pytest.mark.parametrize("other", [record_slowly, synchronize, drop_out])
def test_nothing_that_would_break_it_is_done_beside_it(cuda, other):
    beside(record_slowly, other)
    assert cuda.faults == []


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (record_slowly, "two threads record"),
        (synchronize, "waits for the whole device"),
        (drop_out, "default generator"),
    ],
)
def test_without_the_lock_it_would_be(cuda, monkeypatch, other, fault):
    monkeypatch.setattr(recording, "RECORDING", SimpleNamespace(exclusive=nullcontext))
    beside(record_slowly, other)
    assert any(fault in sentence for sentence in cuda.faults)
