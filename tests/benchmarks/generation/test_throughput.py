"""The throughput benchmark, on few images of the embedded model."""

import json

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation import throughput as module
from zeroreal.benchmarks.generation.contestant import FirstRun
from zeroreal.benchmarks.generation.diffusers_pipeline import DiffusersPipeline
from zeroreal.benchmarks.generation.throughput import bench_throughput
from zeroreal.benchmarks.generation.throughput_settings import ThroughputSettings


@pytest.fixture
def measure(near_workers):
    """A function that measures two images of two steps by the contenders."""

    def run(*contenders, **settings):
        few = {"images": 2, "steps": 2, "rounds": 1, "device": "cpu", **settings}
        lines = []
        return bench_throughput(ThroughputSettings(contenders, **few), lines.append), lines

    return run


@pytest.mark.parametrize("guidance", ["on", "recipe"])
def test_ours_and_diffusers_make_the_same_images(measure, tmp_path, guidance):
    path = tmp_path / "throughput.json"
    result, lines = measure(
        "diffusers/fp32@2",
        "ours:torch/fp32@1",
        guidance=guidance,
        recipe="random-guidance",
        result=path,
    )
    assert json.loads(path.read_text()) == result
    peer, ours = result["contenders"]
    assert result["baseline"] == "diffusers/fp32@2"
    assert (peer["mean_difference_of_255"], peer["max_difference_of_255"]) == (0.0, 0)
    assert ours["mean_difference_of_255"] < 1
    assert ours["max_difference_of_255"] <= 3
    assert (peer["batch_size"], ours["batch_size"]) == (2, 1)
    assert ours["peak_memory_bytes"] > 10**8, "PyTorch alone takes that much"
    assert ours["step_ms"] > 0
    assert peer["step_ms"] > 0
    assert lines[-1] == "round 1 of 1"
    assert not result["valid"], "one round is too few"


class Fake:
    """Stands in for `GenerationWorker`: its rates and seconds are known."""

    def __init__(self, job, name):
        self.name = name
        self.seconds_left = iter(Fake.seconds_of[name.text])

    def rate(self, batch_size):
        return Fake.rates[batch_size]

    def start(self, batch_size):
        if batch_size not in Fake.rates:
            raise InputError(f"{batch_size} images do not fit: take fewer")
        return FirstRun(np.zeros((1, 1, 1, 3), np.uint8), 1.5, 0.25, 10**9, None)

    def seconds(self):
        try:
            return next(self.seconds_left)
        except StopIteration:
            raise KeyboardInterrupt from None


@pytest.fixture
def fakes(monkeypatch):
    """A function that sets the rate of each batch size and the seconds of each contender."""

    def make(rates, **seconds_of):
        Fake.rates = rates
        Fake.seconds_of = {f"ours:{name}/fp32": figures for name, figures in seconds_of.items()}
        monkeypatch.setattr(module, "GenerationWorker", Fake)

    return make


def test_figures_follow_from_seconds_and_flop(measure, fakes):
    fakes({1: 1.0, 2: 2.0}, torch=[0.5], onnxruntime=[0.25])
    result, _ = measure("ours:torch/fp32", "ours:onnxruntime/fp32")
    torch, onnxruntime = result["contenders"]
    assert (torch["images_per_second"], onnxruntime["images_per_second"]) == (4.0, 8.0)
    assert (torch["ratio"]["median"], onnxruntime["ratio"]["median"]) == (1.0, 2.0)
    assert (torch["step_ms"], torch["peak_memory_bytes"]) == (250.0, 10**9)
    flop = result["flop"]
    each = 2 * (flop["text"] + 2 * flop["unet_row"]) + flop["vae_decoder"]  # two steps, guided
    assert flop["per_image"] == each
    assert torch["tflop_per_second"] == pytest.approx(4 * each / 1e12)
    assert torch["share_of_ceiling"] == pytest.approx(4 * each / 1e12), "of 1 TFLOP/s"


def test_without_guidance_an_image_costs_one_row_a_step(measure, fakes):
    fakes({1: 1.0}, torch=[0.5])
    flop = measure("ours:torch/fp32", images=1, guidance="off")[0]["flop"]
    assert flop["per_image"] == flop["text"] + 2 * flop["unet_row"] + flop["vae_decoder"]


def test_a_contender_that_cannot_serve_is_reported_and_the_next_is_the_baseline(measure, fakes):
    fakes({1: 1.0, 2: 2.0}, **{"torch": [0.5], "auto": [0.5]})
    Fake.seconds_of["ours:auto/fp32@4"] = []
    result, lines = measure("ours:auto/fp32@4", "ours:torch/fp32", images=4)
    absent, ours = result["contenders"]
    assert absent == {"name": "ours:auto/fp32@4", "reason": "4 images do not fit: take fewer"}
    assert result["baseline"] == ours["name"] == "ours:torch/fp32"
    assert "ours:auto/fp32@4 cannot serve: 4 images do not fit: take fewer" in lines


def test_without_a_batch_size_the_best_is_searched(measure, fakes):
    fakes({1: 1.0, 2: 2.0, 4: 2.05}, torch=[0.5])
    result, lines = measure("ours:torch/fp32", images=8)
    (row,) = result["contenders"]
    assert row["batch_size"] == 4
    assert [point["images_per_second"] for point in row["batch_curve"]] == [1.0, 2.0, 2.05]
    assert "ours:torch/fp32, batch 2: 2 images/s" in lines


def test_batches_searched_divide_the_images(measure, fakes):
    fakes({1: 1.0, 2: 2.0, 4: 4.0}, torch=[0.5])
    (row,) = measure("ours:torch/fp32", images=6)[0]["contenders"]
    assert [point["batch_size"] for point in row["batch_curve"]] == [1, 2]


def test_an_interruption_keeps_the_finished_rounds(measure, fakes, tmp_path):
    fakes({1: 1.0, 2: 2.0}, torch=[0.5, 0.25])
    path = tmp_path / "result.json"
    result, _ = measure("ours:torch/fp32", rounds=5, result=path)
    assert json.loads(path.read_text()) == result
    assert result["contenders"][0]["seconds"] == [0.5, 0.25]
    assert (result["rounds_done"], result["rounds"]) == (2, 5)
    assert "it was interrupted after 2 of 5 rounds" in result["doubts"]


def test_the_peer_gets_prompts_of_one_guidance_in_each_call(measure, monkeypatch):
    calls = []
    plain = DiffusersPipeline._call

    def call(self, specs, **options):
        calls.append({spec.guidance for spec in specs})
        return plain(self, specs, **options)

    monkeypatch.setattr(DiffusersPipeline, "_call", call)
    measure("diffusers/fp32@4", images=8, steps=1, guidance="recipe", recipe="random-guidance")
    assert all(len(scales) == 1 for scales in calls)
    assert len(set.union(*calls)) > 1
