"""What every command of `zeroreal bench` shows, passes on and refuses; measurements are known."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from zeroreal.benchmarks import bench
from zeroreal.benchmarks.benchmark import Benchmark
from zeroreal.benchmarks.harness.ceilings import Ceiling
from zeroreal.benchmarks.kernels import bench as kernels
from zeroreal.benchmarks.kernels import cases as kernel_cases
from zeroreal.benchmarks.registry import BENCHMARKS
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Figures, Row

THROUGHPUT = Figures(
    rows=(
        Row(
            "diffusers:compiled/bf16@64",
            metrics={
                "seconds": Metric((20.0, 21.0, 22.0), "s", "lower"),
                "images_per_second": Metric((1234.5,), "images/s", "higher"),
                "ratio": Metric((11.5, 12.0, 12.5), "x", "higher"),
                "share_of_ceiling": Metric((0.42,), "1", "higher"),
            },
            facts={"batch_size": 64, "memory_bytes": 15 * 10**9, "max_difference_of_255": 113},
        ),
        Row("ours:tensorrt/fp16", reason="there is no GPU"),
    )
)


@pytest.fixture(autouse=True)
def _quiet_machine(monkeypatch):
    """Nothing else runs, and a second of looking at it is saved."""
    quiet = SimpleNamespace(content=dict, reasons=list)
    monkeypatch.setattr(bench, "Conditions", lambda device: quiet)


@pytest.fixture
def measured(monkeypatch):
    """A function that has every measurement give these figures; and the settings it was given."""
    given = []

    def give(figures):
        def measure(settings, progress):
            given.append(settings)
            progress.tell("half of it")
            return figures

        monkeypatch.setattr(Benchmark, "measurement", lambda benchmark: measure)
        return given

    return give


def test_the_table_shows_each_contender_or_why_it_cannot_serve(command, measured):
    measured(THROUGHPUT)
    done = command("bench", "throughput")
    assert done.returncode == 0, done.stderr
    row = "diffusers:compiled/bf16@64 64 1,234 12.00 (11.75-12.25) 15.00 113"
    assert row in done.shown
    assert "ours:tensorrt/fp16 failed: there is no GPU" in done.shown
    assert "VALID" in done.stdout.split()
    assert "half of it" in done.stderr


def test_the_table_of_throughput_fits_80_columns_with_whole_names(command, measured):
    measured(THROUGHPUT)
    lines = command("bench", "throughput", columns=80).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (line for line in lines if "diffusers:compiled/bf16@64" in line)
    assert "113" in row


# The others' tables show some of their columns in one case, some in another.
WHOLE = [
    "throughput",
    "loop",
    "trace",
    "loader",
    "training",
    "sharing",
    "kernels",
    "export",
    "load",
]


@pytest.mark.parametrize("name", WHOLE)
def test_a_table_of_all_columns_fits_80(command, measured, name):
    columns = BENCHMARKS[name].columns
    metrics = {one.key: Metric((1.2345, 1.2345), "1") for one in columns}
    measured(Figures((Row("a contender of a long name", metrics=metrics),)))
    arguments = ["ours:torch/fp32@2"] if name == "trace" else []
    done = command("bench", name, *arguments, columns=80)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for column in columns:
        assert column.title in done.stdout, "no title is broken"


def test_a_large_batch_is_written_out(command, measured):
    measured(
        Figures((Row("ours", metrics={"ratio": Metric((1.0,), "x")}, facts={"batch_size": 1024}),))
    )
    assert "ours 1024 1.00" in command("bench", "throughput").shown


def test_reasons_against_the_figures_are_said(command, measured):
    measured(Figures(THROUGHPUT.rows, reasons=("2 rounds are few",)))
    done = command("bench", "throughput")
    assert done.returncode == 0
    assert "INVALID" in done.stdout.split()
    assert "not to be trusted: 2 rounds are few" in done.shown


def test_an_interruption_shows_what_there_is_and_exits_as_one(command, measured):
    measured(Figures(THROUGHPUT.rows, finished=False))
    done = command("bench", "throughput")
    assert done.returncode == 130
    assert "1,234" in done.stdout


OPTIONS = {
    "throughput": (
        {"contenders": ("ours:torch/fp32", "diffusers/bf16")},
        {
            "random_weights": "sd15",
            "generate_size": 256,
            "steps": 4,
            "scheduler": "DDIMScheduler",
            "guidance": "off",
            "recipe": "merged",
            "images": 8,
            "rounds": 3,
            "device": "cpu",
        },
    ),
    "loop": (
        {},
        {
            "device": "cpu",
            "precision": "bf16",
            "batch_size": 8,
            "steps": 4,
            "batches": 20,
            "rounds": 2,
        },
    ),
    "trace": (
        {"contender": "ours:torch/fp32@2"},
        {
            "model": "a",
            "random_weights": "sd15",
            "generate_size": 64,
            "steps": 4,
            "scheduler": "DDIMScheduler",
            "guidance": "off",
            "batches": 2,
            "device": "cpu",
            "trace": Path("t.json"),
        },
    ),
    "loader": (
        {"cases": ("crop-32",)},
        {"images": 64, "batch_size": 8, "device": "cpu", "rounds": 3},
    ),
    "training": (
        {"cases": ("cached-32", "timm-64")},
        {
            "batch_size": 8,
            "batches": 2,
            "precision": "bf16",
            "compile": True,
            "device": "cpu",
            "rounds": 3,
        },
    ),
    "sharing": (
        {},
        {
            "device": "cpu",
            "classifier": "resnet50",
            "images_per_class": 10,
            "blocks": 2,
            "batch_size": 8,
            "rounds": 2,
        },
    ),
    "kernels": ({"kernels": ("finish",)}, {"device": "cpu", "rounds": 2}),
    "export": (
        {},
        {
            "architecture": "sdxl",
            "precision": "bf16",
            "target": "sm_89",
            "batch": "1:2:4",
            "work": Path("w"),
        },
    ),
    "load": ({}, {"runs": 2}),
    "serve": (
        {},
        {
            "model": Path("m.onnx"),
            "classifier": "resnet18",
            "deadline": 2.0,
            "clients": 4,
            "images": 2,
            "load": 0.5,
            "most_requests": 50,
            "seconds": 1.0,
            "rounds": 2,
            "malformed": 10,
            "device": "cpu",
        },
    ),
    "zeroshot": (
        {"contenders": ("ours:torch/fp32", "encoder:torch")},
        {
            "model": "a",
            "images": 20,
            "encoder": "b",
            "encoder_images": 30,
            "device": "cpu",
            "rounds": 2,
        },
    ),
}
"""By benchmark: what is given by its place, and by options, which are named as the settings."""
NEEDED = {"trace": {"contender": "ours:torch/fp32@2"}}


def words(arguments, options):
    """The settings as they are given on the command line."""
    for value in arguments.values():
        yield from (value if isinstance(value, tuple) else (value,))
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        yield from ((flag,) if value is True else (flag, value))


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_passed_on(command, measured, name):
    given, (arguments, options) = measured(THROUGHPUT), OPTIONS[name]
    needed = NEEDED.get(name, {})
    for chosen in (words(needed, {}), words(arguments, options)):
        done = command("bench", name, *chosen)
        assert done.returncode == 0, done.stderr
    kind = BENCHMARKS[name].settings_class()
    assert given == [kind(**needed), kind(**arguments, **options)]


def test_kernels_are_shown_with_time_bandwidth_and_ratio(command, monkeypatch, tmp_path):
    tiny = kernel_cases.Sizes(1, 16, 32, 16, 2, 2, 8, torch.float32)
    monkeypatch.setitem(kernel_cases.SIZES, "cpu", tiny)
    monkeypatch.setattr(kernels, "measure_copy", lambda device: Ceiling(1e9, 2.0, 3, {}))
    monkeypatch.setattr(kernels, "timed", lambda work, device, repeats: 1e-6)
    monkeypatch.setattr(kernels, "calibrated", lambda work, device, seconds: 1)
    monkeypatch.setattr(torch, "compile", lambda work, dynamic: work)
    path = tmp_path / "kernels.json"
    done = command(
        "bench", "kernels", "philox_normal", "--device", "cpu", "--rounds", 5, "--result", path
    )
    assert done.returncode == 0, done.stderr
    # 8 bytes of seed and 4x2x2 floats, in a microsecond; 1 GB/s is what copying gives.
    assert "philox_normal, 1x4x2x2" in done.shown
    assert "ours 1 0.072 7% 1.00 (1.00-1.00)" in done.shown
    assert "not to be trusted" not in done.stdout
    assert [row["facts"]["bytes"] for row in json.loads(path.read_text())["rows"]] == [72] * 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["throughput", "ours:tensort/fp16"], "unknown engine 'tensort'"),
        (["throughput", "--guidance", "some"], "unknown guidance 'some'"),
        (["throughput", "--result", "r.yaml"], "result file 'r.yaml' does not end in .json"),
        (["kernels", "finnish"], "unknown kernel 'finnish': did you mean 'finish'?"),
        (["kernels", "--rounds", "0"], "rounds is 0: at least 1 is needed"),
        (["loader", "crop-33"], "unknown loader case 'crop-33': did you mean 'crop-32'?"),
        (["training", "timm-65"], "unknown training case 'timm-65': did you mean 'timm-64'?"),
        (["loop", "--batches", "5"], "batches is 5: at least 10 is needed"),
        (["trace", "diffusers/fp32@2"], "cannot be traced: give ours with a batch"),
        (["trace"], "Missing argument"),
        (["sharing", "--blocks", "0"], "blocks is 0: at least 1 is needed"),
        (["export", "--architecture", "sd16"], "unknown architecture 'sd16'"),
        (["load", "--runs", "0"], "runs is 0: at least 1 is needed"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
