"""The command itself, in processes of its own: output, exit status, and no traceback."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from zeroreal.cli.main import main; main()"]
SMALL = [
    "run",
    *("--images-per-class", "8", "--steps", "2", "--epochs", "2"),
    *("--device", "cpu", "--precision", "fp32", "--batch-size", "20"),
]


def zeroreal(*arguments, cwd=None, **options):
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


def test_evaluate_and_predict_use_the_run(finished, tmp_path):
    from PIL import Image

    run, _ = finished
    for name in ("bag", "Ankle_Boot"):
        (tmp_path / name).mkdir()
        Image.new("L", (28, 28), 200).save(tmp_path / name / "one.png")
    tested = zeroreal("evaluate", run, "--data", tmp_path)
    assert tested.returncode == 0, tested.stderr
    assert "2 real images" in tested.stdout
    predicted = zeroreal("predict", run, tmp_path / "bag" / "one.png")
    path, name, probability = predicted.stdout.strip().split("\t")
    assert path.endswith("one.png")
    assert name in json.loads((run / "classifier.json").read_text())["classes"]
    assert probability.endswith("%")


def test_doctor_says_what_is_usable_and_why_not():
    done = zeroreal("doctor")
    assert done.returncode == 0, done.stderr
    for word in ("torch", "onnxruntime", "tensorrt", "native kernels", "usable", "python"):
        assert word in done.stdout
    if importlib.util.find_spec("tensorrt") is None:
        assert "zeroreal[tensorrt]" in done.stdout


def test_recipes_are_listed_and_printed_for_copying(tmp_path):
    assert "random-guidance" in zeroreal("recipes").stdout
    (tmp_path / "mine.yaml").write_text(zeroreal("recipes", "multi-domain").stdout)
    assert "stick figure" in (tmp_path / "mine.yaml").read_text()


def test_the_help_names_the_defaults():
    from zeroreal.train import RunSettings

    settings = RunSettings()
    shown = " ".join(zeroreal("run", "--help").stdout.split())
    for default in (
        settings.recipe,
        settings.images_per_class,
        settings.classifier,
        settings.steps,
        settings.batch_size,
        settings.train.epochs,
        settings.train.optimizer,
        settings.train.learning_rate,
    ):
        assert f"[default: {default}]" in shown


def test_help_and_version_load_nothing_heavy():
    code = "import sys; from zeroreal.cli.main import app; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
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
        (["run", "--classifier", "resnet-18"], "did you mean 'resnet18'"),
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
def test_bad_input_gets_one_sentence_and_status_2(finished, tmp_path, arguments, complaint):
    from zeroreal.assets import FASHION_MNIST_TEST

    places = {"run": finished[0], "data": FASHION_MNIST_TEST}
    done = zeroreal(*(argument.format(**places) for argument in arguments), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_gets_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    done = zeroreal(*SMALL, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "cannot be made" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_gets_one_sentence(finished, monkeypatch):
    monkeypatch.chdir(finished[0].parent)
    code = (
        "import os; from pathlib import Path; import zeroreal.train.files as files;"
        "files.os.fsync = lambda number: os.write(os.open('/dev/full', os.O_WRONLY), b'x');"
        "from zeroreal.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *SMALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_can_be_continued(tmp_path, number):
    arguments = [*SMALL, "--steps", "50", "--batch-size", "4", "--out", "run"]
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
    assert (tmp_path / "run" / "generated.safetensors").exists()
    shutil.rmtree(tmp_path / "run")
