"""The stand-in GPU of the tests: what it takes for a fault, and what not."""

import threading
from functools import partial

import pytest
import torch
from stand_in_cuda import stand_in_cuda

GPU = torch.device("cuda")


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    with cuda.watched():
        yield cuda


def on_another(work, waits=True, is_awaited=True):
    """Do work on another stream, which waits for the current one, and that for it."""
    stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
    if waits:
        stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = work()
    if is_awaited:
        current.wait_stream(stream)
    return result, stream


def test_what_events_order_is_no_fault(cuda):
    x = torch.zeros(4, device=GPU)
    y, _ = on_another(lambda: x + 1)
    x.add_(y)
    assert x.tolist() == [1] * 4
    assert cuda.faults == []


def test_reading_what_is_not_known_to_be_written_is_a_fault(cuda):
    x = torch.zeros(4, device=GPU)
    on_another(lambda: x + 1, waits=False)
    assert cuda.faults == [
        "stream 1 reads in aten::add.Tensor, but the default stream writes in aten::zeros: "
        "no event orders them"
    ]


def test_writing_what_may_still_be_read_is_a_fault_and_reading_beside_reading_is_none(cuda):
    x = torch.zeros(4, device=GPU)
    on_another(lambda: x + 1, is_awaited=False)
    x.add(2)
    assert cuda.faults == []
    x.add_(3)
    assert "the default stream writes in aten::add_.Tensor" in cuda.faults[0]


def test_work_on_other_rows_or_bytes_is_no_fault(cuda):
    x, rows = torch.zeros(4, 2, device=GPU), torch.tensor([2])
    torch.cuda.synchronize()
    on_another(lambda: x[:2].add_(1), waits=False, is_awaited=False)
    x.index_select(0, rows)
    x[3].add_(1)
    assert cuda.faults == []
    x[torch.tensor([1])] = 3.0
    assert len(cuda.faults) == 1


def test_the_host_may_read_what_it_has_waited_for_alone(cuda):
    x = torch.ones(4, device=GPU)
    for waits in (True, False):
        on_host = torch.zeros(4, pin_memory=True)
        on_host.copy_(x, non_blocking=True)
        if waits:
            torch.cuda.current_stream().record_event().synchronize()
        on_host.tolist()
        assert (cuda.faults == []) == waits


@pytest.mark.parametrize("how", ["record_stream", "wait", "synchronize", "nothing"])
def test_memory_freed_while_another_stream_may_use_it_is_a_fault(cuda, how):
    x = torch.zeros(4, device=GPU)
    y, stream = on_another(partial(torch.add, x, 1), is_awaited=how == "wait")
    if how == "record_stream":
        x.record_stream(stream)
    if how == "synchronize":
        stream.synchronize()
    del x
    found = [
        sentence for sentence in cuda.faults if "is freed while stream 1 may be at" in sentence
    ]
    assert bool(found) == (how == "nothing")
    torch.cuda.synchronize()
    del y


def test_a_graph_does_nothing_when_it_is_recorded_and_is_ordered_when_it_is_replayed(cuda):
    x, y = torch.zeros(4, device=GPU), torch.zeros(4, device=GPU)
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.cuda.graph(graph, None, stream):
        y.copy_((x * 2).view(2, 2).flatten() + 1)
    assert y.tolist() == [0] * 4
    x.fill_(3)
    graph.replay()
    assert y.tolist() == [7] * 4
    assert cuda.faults == []
    x.fill_(4)
    with torch.cuda.stream(torch.cuda.Stream()):
        graph.replay()
    assert "no event orders them" in cuda.faults[0]


def test_waiting_while_recording_is_a_fault(cuda):
    x, stream = torch.zeros(4, device=GPU), torch.cuda.Stream()
    with torch.cuda.graph(torch.cuda.CUDAGraph(), None, stream):
        (x + 1).tolist()
    assert cuda.faults == ["a thread waits for tolist while it records"]


def test_a_thread_comes_after_what_started_it_and_before_what_joins_it(cuda):
    x = torch.zeros(4, device=GPU)
    torch.cuda.synchronize()

    def work():
        with torch.cuda.stream(torch.cuda.Stream()):
            x.add_(1)
            torch.cuda.current_stream().synchronize()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    x.add_(1)
    assert x.tolist() == [2] * 4
    assert cuda.faults == []
