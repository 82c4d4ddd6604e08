"""The command itself: its output, and its exit status where it is interrupted."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

COMMAND = [sys.executable, "-c", "from zeroreal.cli.main import main; main()"]


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
    assert metrics["engine"].partition(":")[0] in ("torch", "onnxruntime")


FEW = [
    *("run", "--classes", "coat,bag", "-n", "2", "--steps", "1", "--epochs", "1"),
    *("--device", "cpu", "--precision", "fp32", "--tune", "off"),
]


@pytest.mark.parametrize("engine", ["torch", "onnxruntime:cpu"])
def test_a_run_uses_the_engine_that_is_asked_for(finished, command, tmp_path, engine):
    done = command(*FEW, "--engine", engine, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["engine"] == engine
    assert metrics["images"] == 4


def test_a_run_takes_an_exported_folder_as_its_model(command, tiny_export, tmp_path):
    folder = tiny_export("sd15", "fp32").folder
    done = command(*FEW, "--model", folder, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (metrics["engine"], metrics["model"]) == ("onnxruntime", str(folder))
    assert metrics["image_size"] == 16


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_can_be_continued(tmp_path, number, zeroreal, small_run):
    arguments = [
        *small_run,
        "--engine",
        "torch",
        "--steps",
        "8",
        "--batch-size",
        "4",
        "--out",
        "run",
    ]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "run" / "config.yaml").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    _, complaints = process.communicate()
    assert process.returncode == 130, complaints
    assert "--resume run" in complaints
    assert "Traceback" not in complaints
    resumed = zeroreal("run", "--resume", "run", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "run" / "report.html").exists()


def test_ctrl_c_before_there_is_anything_to_show_is_told(command, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zeroreal.run.zeroshot.start.run_zeroshot", stop)
    done = command("zeroshot")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "interrupted")
