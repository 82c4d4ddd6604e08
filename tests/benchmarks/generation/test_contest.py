"""How contenders of the throughput benchmark are searched, started and timed: known figures."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation import starting
from zeroreal.benchmarks.generation.entrant import FirstRun
from zeroreal.benchmarks.generation.settings import ThroughputSettings
from zeroreal.benchmarks.generation.throughput import measure_throughput
from zeroreal.benchmarks.harness import Progress

GB = 10**9


class Fake:
    """Stands in for `GenerationWorker`: its rates and seconds are known."""

    def __init__(self, job, name):
        self.name = name.text
        self.seconds_left = iter(Fake.seconds_of[name.text])

    def rate(self, batch_size):
        Fake.log.append(f"{self.name} searches")
        return Fake.rates[batch_size]

    def start(self, batch_size):
        Fake.log.append(f"{self.name} starts")
        if batch_size not in Fake.rates:
            raise InputError(f"{batch_size} images are too many: take fewer")
        Fake.resident.append(self.name)
        if len(Fake.resident) > Fake.most:
            raise MemoryError("out of memory")
        return FirstRun(np.zeros((1, 1, 1, 3), np.uint8), 1.5, 0.25, GB, None)

    def seconds(self):
        try:
            return next(self.seconds_left)
        except StopIteration:
            raise KeyboardInterrupt from None


@pytest.fixture
def fakes(near_workers, monkeypatch):
    """A function that sets the rate of each batch size and the seconds of each contender."""

    class Worker(starting.Worker):  # of the fixture `near_workers`
        def __exit__(self, *_):
            Fake.resident.clear()

    def make(rates, *, most=9, **seconds_of):
        Fake.rates, Fake.log, Fake.resident, Fake.most = rates, [], [], most
        Fake.seconds_of = {f"ours:{name}/fp32": figures for name, figures in seconds_of.items()}
        monkeypatch.setattr(starting, "GenerationWorker", Fake)
        monkeypatch.setattr(starting, "Worker", Worker)

    return make


def measure(*contenders, **settings):
    """The figures, the lines that were told and what was kept on the way."""
    few = {"images": 2, "steps": 2, "rounds": 1, "device": "cpu", **settings}
    lines, kept = [], []
    settings = ThroughputSettings(contenders=contenders, **few)
    return measure_throughput(settings, Progress(lines.append, kept.append)), lines, kept


def values(found, metric):
    return [row.metrics[metric].values for row in found.rows]


def test_figures_follow_from_seconds_and_flop(fakes):
    fakes({1: 1.0, 2: 2.0}, torch=[0.5], onnxruntime=[0.25])
    found, _, _ = measure("ours:torch/fp32", "ours:onnxruntime/fp32")
    assert values(found, "images_per_second") == [(4.0,), (8.0,)]
    assert values(found, "ratio") == [(1.0,), (2.0,)]
    torch, _ = found.rows
    assert (torch.facts["step_ms"], torch.facts["memory_bytes"]) == (250.0, GB)
    flop = found.facts["flop"]
    each = 2 * (flop["text"] + 2 * flop["unet_row"]) + flop["vae_decoder"]  # two steps, guided
    assert flop["per_image"] == each
    assert torch.metrics["tflop_per_second"].median == pytest.approx(4 * each / 1e12)
    share = torch.metrics["share_of_ceiling"].median
    assert share == pytest.approx(4 * each / 1e12), "of 1 TFLOP/s"
    assert found.facts["matmul_ceilings"]["fp32"]["seconds"] == 2.0


def test_without_guidance_an_image_costs_one_row_a_step(fakes):
    fakes({1: 1.0}, torch=[0.5])
    flop = measure("ours:torch/fp32", images=1, guidance="off")[0].facts["flop"]
    assert flop["per_image"] == flop["text"] + 2 * flop["unet_row"] + flop["vae_decoder"]


def test_a_contender_that_cannot_serve_is_reported_and_the_next_is_the_baseline(fakes):
    fakes({1: 1.0, 2: 2.0}, **{"torch": [0.5], "auto": [0.5]})
    Fake.seconds_of["ours:auto/fp32@4"] = []
    found, lines, _ = measure("ours:auto/fp32@4", "ours:torch/fp32", images=4)
    absent, ours = found.rows
    assert (absent.reason, dict(absent.metrics)) == ("4 images are too many: take fewer", {})
    assert (ours.name, ours.is_baseline) == ("ours:torch/fp32", True)
    assert "ours:auto/fp32@4 cannot serve: 4 images are too many: take fewer" in lines


def test_without_a_batch_size_the_best_is_searched(fakes):
    fakes({1: 1.0, 2: 2.0, 4: 2.05}, torch=[0.5])
    found, lines, _ = measure("ours:torch/fp32", images=8)
    facts = found.rows[0].facts
    assert facts["batch_size"] == 4
    assert [point["images_per_second"] for point in facts["batch_curve"]] == [1.0, 2.0, 2.05]
    assert "ours:torch/fp32, batch 2: 2 images/s" in lines


def test_batches_searched_divide_the_images(fakes):
    fakes({1: 1.0, 2: 2.0, 4: 4.0}, torch=[0.5])
    facts = measure("ours:torch/fp32", images=6)[0].rows[0].facts
    assert [point["batch_size"] for point in facts["batch_curve"]] == [1, 2]


def test_no_search_runs_beside_another_contender(fakes):
    fakes({1: 1.0}, torch=[0.5], onnxruntime=[0.25])
    measure("ours:torch/fp32", "ours:onnxruntime/fp32", images=1)
    assert Fake.log == [
        "ours:torch/fp32 searches",
        "ours:onnxruntime/fp32 searches",
        "ours:torch/fp32 starts",
        "ours:onnxruntime/fp32 starts",
    ]


def test_an_interruption_keeps_the_finished_rounds(fakes):
    fakes({1: 1.0, 2: 2.0}, torch=[0.5, 0.25])
    found, _, kept = measure("ours:torch/fp32", rounds=5)
    assert values(found, "seconds") == [(0.5, 0.25)]
    assert not found.finished
    assert "it was interrupted after 2 of 5 rounds" in found.reasons
    assert [values(one, "seconds") for one in kept] == [[(0.5,)], [(0.5, 0.25)]]
    assert not kept[-1].finished


@pytest.mark.parametrize("cause", ["little is free", "a start fails"])
def test_where_memory_holds_one_each_is_measured_alone(fakes, monkeypatch, cause):
    fakes({1: 1.0}, most=1, torch=[0.5, 0.5], onnxruntime=[0.25, 0.25])
    free = {"little is free": GB - 1, "a start fails": 9 * GB}[cause]
    monkeypatch.setattr(starting, "free_memory", lambda device: free)
    found, lines, kept = measure("ours:torch/fp32", "ours:onnxruntime/fp32", images=1, rounds=2)
    assert "memory does not hold all contenders at once: each is measured alone" in lines
    assert (found.facts["in_turn"], found.finished) == (False, True)
    assert [row.reason for row in found.rows] == [None, None]
    assert values(found, "seconds") == [(0.5, 0.5), (0.25, 0.25)]
    assert values(found, "ratio") == [(1.0, 1.0), (2.0, 2.0)]
    assert [len(one.rows[1].metrics) > 0 for one in kept] == [False, True]


def test_an_interruption_of_one_alone_keeps_those_before(fakes, monkeypatch):
    fakes({1: 1.0}, most=1, torch=[0.5, 0.5], onnxruntime=[0.25])
    monkeypatch.setattr(starting, "free_memory", lambda device: GB - 1)
    found, _, _ = measure("ours:torch/fp32", "ours:onnxruntime/fp32", images=1, rounds=2)
    assert values(found, "seconds") == [(0.5, 0.5), (0.25,)]
    assert not found.finished


def test_nobody_who_can_serve_is_a_reason(fakes):
    fakes({}, torch=[])
    Fake.seconds_of["ours:torch/fp32@2"] = []
    found, _, _ = measure("ours:torch/fp32@2")
    assert found.rows[0].reason == "2 images are too many: take fewer"
    assert "no contender could serve" in found.reasons
