"""`zeroreal bench throughput` and `kernels`: what they print and pass on, their complaints."""

import json

import pytest
import torch

from zeroreal.benchmarks.generation import throughput as throughput_module
from zeroreal.benchmarks.generation.throughput_settings import ThroughputSettings
from zeroreal.benchmarks.kernels import bench as kernels
from zeroreal.benchmarks.kernels import cases as kernel_cases


def told(**changes):
    """A throughput result of two contenders."""
    spread = {"median": 2.0, "quartile_1": 1.5, "quartile_3": 2.5, "variation": 0.1}
    row = {
        "name": "diffusers/fp32",
        "reason": None,
        "batch_size": 16,
        "images_per_second": 12.3,
        "spread": spread,
        "ratio": spread,
        "step_ms": 45.6,
        "tflop_per_second": 0.789,
        "share_of_ceiling": 0.42,
        "peak_memory_bytes": 1_500_000_000,
        "device_memory_bytes": None,
        "mean_difference_of_255": 0.012,
        "max_difference_of_255": 3,
    }
    absent = {"name": "ours:tensorrt/fp16", "reason": "there is no GPU"}
    result = {
        "generate_size": 32,
        "steps": 12,
        "flop": {"per_image": 5e9},
        "baseline": "diffusers/fp32",
        "contenders": [row, absent],
        "rounds": 5,
        "rounds_done": 5,
        "doubts": [],
    }
    return {**result, **changes}


@pytest.fixture
def measured(monkeypatch):
    """A function that has the measurement give a result; and the settings that it was given."""
    given = []

    def give(result):
        def bench_throughput(settings, tell):
            given.append(settings)
            tell("round 1 of 5")
            return result

        monkeypatch.setattr(throughput_module, "bench_throughput", bench_throughput)
        return given

    return give


def test_the_table_shows_each_contender_or_why_it_cannot_serve(command, measured):
    measured(told())
    done = command("bench", "throughput")
    assert done.returncode == 0, done.stderr
    assert "32x32 pixels, 12 steps, 0.005 TFLOP an image" in done.shown
    assert "diffusers/fp32 16 12.3 2.00 (1.50-2.50) 45.6 0.789 42 % 1.50 0.012, 3" in done.shown
    assert "ours:tensorrt/fp16 failed: there is no GPU" in done.shown
    assert "round 1 of 5" in done.stderr


def test_doubts_are_said(command, measured):
    measured(told(doubts=["2 rounds are few"]))
    assert "not to be trusted: 2 rounds are few" in command("bench", "throughput").shown


def test_an_interruption_shows_what_there_is_and_exits_as_one(command, measured):
    measured(told(rounds_done=2))
    done = command("bench", "throughput")
    assert done.returncode == 130
    assert "12.3" in done.stdout


def test_options_are_passed_on(command, measured, tmp_path):
    given = measured(told())
    command("bench", "throughput")
    options = {
        "random_weights": "sd15",
        "generate_size": 256,
        "steps": 4,
        "scheduler": "DDIMScheduler",
        "guidance": "off",
        "recipe": "merged",
        "images": 8,
        "rounds": 3,
        "device": "cpu",
        "result": tmp_path / "r.json",
    }
    named = [
        text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)
    ]
    command("bench", "throughput", "ours:torch/fp32", "diffusers/bf16", *named)
    contenders = ("ours:torch/fp32", "diffusers/bf16")
    assert given == [ThroughputSettings(), ThroughputSettings(contenders, **options)]


def test_kernels_are_shown_with_time_bandwidth_and_ratio(command, monkeypatch, tmp_path):
    tiny = kernel_cases.Sizes(1, 16, 32, 2, 2, 8, torch.float32)
    monkeypatch.setitem(kernel_cases.SIZES, "cpu", tiny)
    monkeypatch.setattr(kernels, "copy_bandwidth", lambda device: 1e9)
    monkeypatch.setattr(kernels, "timed", lambda work, device, repeats: 1e-6)
    monkeypatch.setattr(kernels, "calibrated", lambda work, device, seconds: 1)
    monkeypatch.setattr(torch, "compile", lambda work: work)
    path = tmp_path / "kernels.json"
    done = command(
        "bench", "kernels", "philox_normal", "--device", "cpu", "--rounds", 5, "--result", path
    )
    assert done.returncode == 0, done.stderr
    # 8 bytes of seed and 4x2x2 floats, in a microsecond; 1 GB/s is what copying gives.
    assert "philox_normal, 1x4x2x2, 7.2e-05 MB ours 1 us 0.072 7 % 1.00 (1.00-1.00)" in done.shown
    assert "not to be trusted" not in done.stdout
    assert json.loads(path.read_text())["kernels"][0]["bytes"] == 72


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["throughput", "ours:tensort/fp16"], "unknown engine 'tensort'"),
        (["throughput", "--guidance", "some"], "unknown guidance 'some'"),
        (["kernels", "finnish"], "unknown kernel 'finnish': did you mean 'finish'?"),
        (["kernels", "--rounds", "0"], "rounds is 0: at least 1 is needed"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
