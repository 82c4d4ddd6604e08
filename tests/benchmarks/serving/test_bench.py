"""The benchmark of serving, with a server and clients in this process."""

from contextlib import contextmanager

import pytest
import torch
from served import served

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.serving import bench
from zeroreal.benchmarks.serving.attack import resident_memory, statuses
from zeroreal.benchmarks.serving.bench import measure_serve
from zeroreal.benchmarks.serving.malformed import malformed_requests
from zeroreal.benchmarks.serving.processes import Clients
from zeroreal.benchmarks.serving.settings import ServeBenchSettings
from zeroreal.run import ServeSettings
from zeroreal.run.judge import Judge, load_judge

QUICK = ServeBenchSettings(
    batches=(2, 4), clients=2, images=2, seconds=0.1, rounds=2, malformed=20, device="cpu"
)


class Local:
    """What a worker does, without its process."""

    def __init__(self, make):
        self._served = make()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def call(self, method, *arguments):
        return getattr(self._served, method)(*arguments)


@contextmanager
def local_server(path, settings):
    settings = ServeSettings(port=0, **settings)
    with served(load_judge(path, "cpu"), settings) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def _local(monkeypatch):
    monkeypatch.setattr(bench, "Worker", Local)
    monkeypatch.setattr(bench, "server", local_server)


@pytest.mark.usefixtures("_local")
def test_throughput_latency_and_malformed_requests_are_measured():
    lines = []
    found = measure_serve(QUICK, Progress(lines.append))
    alone, fast, slow, odd = found.rows
    assert found.finished
    assert found.facts["max_batch"] in (2, 4)
    assert len(fast.metrics["images_per_second"].values) == 2
    ours, theirs = (one.metrics["images_per_second"].values for one in (fast, alone))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    assert fast.metrics["ratio"].values == pytest.approx(ratios)
    # The deadline, which the first of each batch waits for.
    assert max(slow.metrics["latency"].values) > 0.005
    assert slow.metrics["latency_bound"].values[0] > 0.005
    assert sum(odd.facts["statuses"].values()) == 20
    assert found.reasons == ()
    assert lines[-1].startswith("malformed requests: ")


@pytest.mark.usefixtures("_local")
def test_an_interruption_keeps_what_is_finished():
    def tell(line):
        if line.startswith("bounded load"):
            raise KeyboardInterrupt

    found = measure_serve(QUICK, Progress(tell))
    assert not found.finished
    assert [row.name for row in found.rows] == ["alone", "served"]


def test_clients_count_what_is_answered_and_complain_of_what_is_not():
    seen = []

    def judge(images):
        seen.append(len(images))
        return torch.full((len(images), 2), 0.5), [None] * len(images)

    with served(Judge(("a", "b"), ("a", "b"), 4, torch.device("cpu"), judge)) as port:
        clients = Clients(f"http://127.0.0.1:{port}", 4)
        seen.clear()
        rate = clients.throughput(3, 5, 0.2)
        assert rate == pytest.approx(sum(seen) / 0.2, rel=0.6)  # the time is only about 0.2 s
        seen.clear()
        assert len(clients.latencies(100, 0.2, 0)) == sum(seen)
        with pytest.raises(RuntimeError, match="status 400"):
            Clients(f"http://127.0.0.1:{port}", 0).throughput(1, 1, 0.1)


def test_statuses_and_memory_are_those_of_the_server():
    judge = Judge(
        ("a", "b"),
        ("a", "b"),
        4,
        torch.device("cpu"),
        lambda x: (torch.full((len(x), 2), 0.5), [None] * len(x)),
    )
    head = b"Host: x\r\nConnection: close\r\n\r\n"
    requests = [b"GET /v2 HTTP/1.1\r\n" + head, b"GET /no HTTP/1.1\r\n" + head, b"GET"]
    with served(judge) as port:
        address = f"http://127.0.0.1:{port}"
        assert statuses(address, requests) == {"200": 1, "404": 1, "none": 1}
        assert resident_memory(address) > 10e6


def test_malformed_requests_are_the_same_each_time_and_of_many_kinds():
    first, second = (list(malformed_requests(60, 1)) for _ in range(2))
    assert first == second
    assert len(set(first)) > 50


@pytest.mark.parametrize(
    "wrong", [{"clients": 0}, {"batches": (0,)}, {"load": 1.0}, {"seconds": 0}, {"deadline": -1}]
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong)).rstrip("es")):
        measure_serve(ServeBenchSettings(**wrong))
