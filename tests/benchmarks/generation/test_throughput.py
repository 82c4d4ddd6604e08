"""The throughput benchmark, on few images of the embedded model."""

import pytest

from zeroreal.benchmarks.generation.diffusers_pipeline import DiffusersPipeline
from zeroreal.benchmarks.generation.settings import ThroughputSettings
from zeroreal.benchmarks.generation.throughput import measure_throughput
from zeroreal.benchmarks.harness import Progress


@pytest.fixture
def measure(near_workers):
    """A function that measures two images of two steps by the contenders."""

    def run(*contenders, **settings):
        few = {"images": 2, "steps": 2, "rounds": 1, "device": "cpu", **settings}
        lines = []
        settings = ThroughputSettings(contenders=contenders, **few)
        return measure_throughput(settings, Progress(lines.append)), lines

    return run


@pytest.mark.parametrize("guidance", ["on", "recipe"])
def test_ours_and_diffusers_make_the_same_images(measure, guidance):
    found, lines = measure(
        "diffusers/fp32@2", "ours:torch/fp32@1", guidance=guidance, recipe="random-guidance"
    )
    peer, ours = found.rows
    assert (peer.is_baseline, ours.is_baseline) == (True, False)
    assert (peer.facts["mean_difference_of_255"], peer.facts["max_difference_of_255"]) == (0.0, 0)
    assert ours.facts["mean_difference_of_255"] < 1
    assert ours.facts["max_difference_of_255"] <= 3
    assert (peer.facts["batch_size"], ours.facts["batch_size"]) == (2, 1)
    assert ours.facts["peak_memory_bytes"] > 10**8, "PyTorch alone takes that much"
    assert ours.facts["memory_bytes"] == ours.facts["peak_memory_bytes"]
    assert min(ours.facts["step_ms"], peer.facts["step_ms"]) > 0
    assert lines[-1] == "round 1 of 1"
    assert found.facts["in_turn"]
    assert "1 rounds are few, 5 tell more" in found.reasons


def test_images_that_are_not_square_are_compared_by_their_middle(measure):
    found, _ = measure("diffusers/fp32@2", "ours:torch/fp32@2", generate_size=(24, 16), steps=1)
    _, ours = found.rows
    assert found.facts["generate_size"] == (24, 16)
    assert ours.facts["mean_difference_of_255"] < 1


def test_a_peer_that_is_not_installed_has_a_row_that_says_so_and_the_others_run(measure):
    found, _ = measure(
        "optimum:onnxruntime/fp32", "optimum:openvino/fp32", "ours:torch/fp32@2", steps=1
    )
    onnxruntime, openvino, ours = found.rows
    assert onnxruntime.reason.endswith("is not installed: pip install 'optimum-onnx[onnxruntime]'")
    assert openvino.reason.endswith("is not installed: pip install 'optimum-intel[openvino]'")
    assert ours.is_baseline
    assert ours.metrics["images_per_second"].median > 0


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
