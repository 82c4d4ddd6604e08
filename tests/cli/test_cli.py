"""The command itself: output, exit status, and no traceback."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from PIL import Image

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.cli.run import run as run_command
from zeroreal.engine import engine_statuses
from zeroreal.export.engines.choice import VARIANTS
from zeroreal.kernels import ATTENTION_BACKENDS
from zeroreal.run import RunSettings

COMMAND = [sys.executable, "-c", "from zeroreal.cli.main import main; main()"]
SMALL = [
    "run",
    *("--images-per-class", "8", "--steps", "2", "--epochs", "2"),
    *("--device", "cpu", "--precision", "fp32", "--batch-size", "20", "--tune", "off"),
]


def zeroreal(*arguments, cwd=None, **options):
    """The command in a process of its own."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    done = zeroreal(*SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "runs").iterdir()
    return run, done


def test_run_prints_the_table_and_names_the_report(finished):
    run, done = finished
    assert "top-1" in done.stdout
    assert "ankle boot" in done.stdout
    assert "chance" in done.stdout
    assert "images/s" in done.stdout
    assert str(Path("runs") / run.name / "report.html") in done.stdout
    assert run.name.endswith("-random-guidance")


def test_evaluate_and_predict_use_the_run(finished, command, tmp_path):
    run, _ = finished
    for name in ("bag", "Ankle_Boot"):
        (tmp_path / name).mkdir()
        Image.new("L", (28, 28), 200).save(tmp_path / name / "one.png")
    tested = command("evaluate", run, "--data", tmp_path)
    assert tested.returncode == 0, tested.stderr
    assert "2 real images" in tested.stdout
    predicted = command("predict", run, tmp_path / "bag" / "one.png")
    path, name, probability = predicted.stdout.strip().split("\t")
    assert path.endswith("one.png")
    assert name in json.loads((run / "classifier.json").read_text())["classes"]
    assert probability.endswith("%")


def test_auto_becomes_an_engine_that_the_metrics_name(finished):
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    assert metrics["engine"] in ("torch", "onnxruntime")


FEW = [
    *("run", "--classes", "coat,bag", "-n", "2", "--steps", "1", "--epochs", "1"),
    *("--device", "cpu", "--precision", "fp32", "--tune", "off"),
]


@pytest.mark.parametrize("engine", ["torch", "onnxruntime:cpu"])
def test_a_run_uses_the_engine_that_is_asked_for(finished, command, tmp_path, engine):
    done = command(*FEW, "--engine", engine, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["engine"] == engine.partition(":")[0]
    assert metrics["images"] == 4


def test_a_run_takes_an_exported_folder_as_its_model(command, tiny_export, tmp_path):
    folder = tiny_export("sd15", "fp32").folder
    done = command(*FEW, "--model", folder, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (metrics["engine"], metrics["model"]) == ("onnxruntime", str(folder))
    assert metrics["image_size"] == 16


def test_doctor_says_what_is_usable_and_why_not(command):
    done = command("doctor", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    rows = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if "│" in line}
    statuses = {status.name: status.usable for status in engine_statuses(torch.device("cpu"))}
    attention = {"attention, sdpa": True, "attention, math": True, "attention, cudnn": False}
    for name, usable in {**statuses, **attention}.items():
        assert ("not usable" in rows[name]) != usable, name
        assert bool(rows[name].split("│")[3].strip()) != usable, "a reason for each that is not"
    assert {"native kernels, cpu", "native kernels, cuda", "python", "device"} <= set(rows)


def test_recipes_are_listed_and_printed_for_copying(command):
    assert "random-guidance" in command("recipes").stdout
    assert "stick figure" in command("recipes", "multi-domain").stdout


def test_the_help_names_the_defaults(command):
    settings = RunSettings()
    shown = command("run", "--help").shown
    for default in (
        settings.recipe,
        settings.images_per_class,
        settings.classifier,
        settings.engine,
        settings.steps,
        settings.train.epochs,
        settings.train.optimizer,
        settings.train.learning_rate,
    ):
        assert f"[default: {default}]" in shown


def test_the_help_names_every_engine_and_attention_backend():
    hints = get_type_hints(run_command, include_extras=True)
    engines, attention = (hints[name].__metadata__[0].help for name in ("engine", "attention"))
    for backend, variants in VARIANTS.items():
        assert backend in engines
        assert all(f":{variant}" in engines for variant in variants if variant != "eager")
    assert all(name in attention for name in ATTENTION_BACKENDS)
    assert inspect.signature(run_command).parameters["engine"].default is None


def test_help_and_version_load_nothing_heavy():
    code = """
import sys
from zeroreal.cli.main import app
for arguments in (["--help"], *([name, "--help"] for name in ("run", "export", "build", "cache"))):
    try:
        app(arguments)
    except SystemExit as end:
        assert not end.code, arguments
heavy = {"torch", "diffusers", "onnx", "onnxruntime", "tensorrt", "tensorrt_rtx"}
assert not heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert zeroreal("--version").stdout.startswith("zeroreal 0.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--classes", ""], "has 0 classes"),
        (["run", "--classes", "cat,dog,cat"], "duplicates"),
        (["run", "--classes", "cat, ,dog"], "only spaces"),
        (["run", "--classes", "../x,dog"], "path separator"),
        (["run", "--recipe", "multi-domian"], "did you mean 'multi-domain'"),
        (["run", "--model", "no/such/folder"], "does not exist"),
        (
            ["run", "--spill", "lots"],
            "size 'lots' is not a size in bytes: give a number and a unit",
        ),
        (["run", "--classifier", "resnet-18"], "did you mean 'resnet18'"),
        (["run", "--engine", "nonsense"], "unknown engine 'nonsense': known are auto, onnxruntime"),
        (["run", "--engine", "onxruntime"], "did you mean 'onnxruntime'"),
        (["run", "--engine", "onnxruntime:gpu"], "unknown variant of engine onnxruntime 'gpu'"),
        (["run", "--engine", "tensorrt", "--device", "cpu"], "runs on CUDA devices, not on 'cpu'"),
        (
            ["run", "--engine", "torch", "--attention", "flash2"],
            "unknown attention backend 'flash2'",
        ),
        (["run", "--cuda-graphs", "--engine", "torch", "--device", "cpu"], "need a CUDA device"),
        (["run", "--scheduler", "EulerDiscreet"], "did you mean 'EulerDiscrete'"),
        (["run", "--classes", "cat,dog", "--data", "{data}"], "cat"),
        (["run", "--resume", "nowhere"], "holds no run"),
        (["run", "--resume", "nowhere", "--seed", "1"], "give it alone"),
        (["run", "--out", "{run}"], "already holds a run"),
        (["evaluate", "nowhere", "--data", "x"], "no classifier.json"),
        (["evaluate", "{run}", "--data", "nowhere"], "nowhere"),
        (["predict", "{run}", "nowhere.png"], "nowhere.png"),
        (["recipes", "bass"], "did you mean 'base'"),
        (["doctor", "--device", "cpuu"], "did you mean 'cpu'"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(
    finished, command, tmp_path, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    places = {"run": finished[0], "data": FASHION_MNIST_TEST}
    if arguments[0] == "run" and "--resume" not in arguments:
        arguments = [*arguments, "--tune", "off"]
    done = command(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_gets_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    done = zeroreal(*SMALL, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "cannot be made" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_gets_one_sentence(command, tmp_path, monkeypatch):
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("zeroreal.base.files.os.fsync", lambda number: os.write(full, b"x"))
    monkeypatch.chdir(tmp_path)
    done = command(*FEW, "--engine", "torch")
    os.close(full)
    assert done.returncode == 2, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_can_be_continued(tmp_path, number):
    arguments = [*SMALL, "--engine", "torch", "--steps", "8", "--batch-size", "4", "--out", "run"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "run" / "config.yaml").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "--resume run" in complaints
    assert "Traceback" not in complaints
    resumed = zeroreal("run", "--resume", "run", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "run" / "report.html").exists()
