"""What the command cannot do gets one sentence, exit status 2 and no traceback."""

import os
from pathlib import Path

import pytest

from zeroreal.assets import FASHION_MNIST_TEST

FEW = [
    *("run", "--classes", "coat,bag", "-n", "2", "--steps", "1", "--epochs", "1"),
    *("--device", "cpu", "--precision", "fp32", "--tune", "off"),
]


def written(tmp_path_factory):
    """Files with something wrong, by name."""
    texts = {
        "typo": "generate: {stepz: 3}",
        "text": "train: {epochs: many}",
        "range": "pool: {blocks: 0}",
        "unguided": 'prompt: "a {class}"\nguidance: 1',
    }
    folder = tmp_path_factory.mktemp("files")
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return {name: folder / f"{name}.yaml" for name in texts}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--classes", ""], "has 0 classes"),
        (["run", "--classes", "cat,dog,cat"], "is there already"),
        (["run", "--classes", "cat, ,dog"], "only spaces"),
        (["run", "--classes", "pets.csv"], "does not exist"),
        (["run", "--recipe", "multi-domian"], "did you mean 'multi-domain'"),
        (["run", "--model", "no/such/folder"], "does not exist"),
        (["run", "--spill", "lots"], "'lots' is not a size in bytes"),
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
        (["run", "--config", "{typo}"], "'generate.stepz' is not a setting: did you mean"),
        (["run", "--config", "{text}"], "train.epochs is 'many'"),
        (["run", "--config", "{range}"], "pool: blocks is 0: at least 1 is needed"),
        (["run", "--config", "nowhere"], "'nowhere' cannot be read"),
        (["run", "--resume", "nowhere", "--pool", "auto"], "give it alone"),
        (["run", "--resume", "nowhere", "--config", "x.yaml"], "give it alone"),
        (["run", "--recipe", "{unguided}", "--negative-prompt", "blurry"], "has no image with"),
        (["run", "--images", "{data}", "-n", "5"], "--images-per-class decides how images are gen"),
        (["run", "--images", "{data}", "--steps", "5"], "--steps decides how images are generated"),
        (["run", "--images", "{data}", "--time-budget", "9m"], "--time-budget decides how images"),
        (["run", "--images", "{data}", "--devices", "cpu"], "--devices decides how images are gen"),
        (["run", "--images", "{data}", "--recipe", "base"], "--recipe decides how images are gen"),
        (["run", "--images-split", "train"], "given without --images"),
        (["run", "--images", "nowhere"], "'nowhere' does not exist; give a folder"),
        (["run", "--images", "{data}", "--classes", "coat,bag"], "has classes that the classifier"),
        (["evaluate", "nowhere", "--data", "x"], "no classifier.json"),
        (["evaluate", "{run}", "--data", "nowhere"], "nowhere"),
        (["predict", "{run}", "nowhere.png"], "nowhere.png"),
        (["recipes", "bass"], "did you mean 'base'"),
        (["doctor", "--device", "cpuu"], "did you mean 'cpu'"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(
    finished, command, tmp_path, tmp_path_factory, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    places = {"run": finished[0], "data": FASHION_MNIST_TEST, **written(tmp_path_factory)}
    if arguments[0] == "run" and not {"--resume", "--images"} & set(arguments):
        arguments = [*arguments, "--tune", "off"]
    done = command(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_gets_one_sentence(tmp_path, zeroreal, small_run):
    tmp_path.chmod(0o500)
    done = zeroreal(*small_run, "--out", tmp_path / "run")
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
