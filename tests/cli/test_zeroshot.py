"""`zeroreal zeroshot`: its table, its file, and how it ends."""

import json

import pytest

from zeroreal.cli.progress import StageBars

FEW = ["zeroshot", "--device", "cpu", "--precision", "fp32", "--stages", "1:2,1:1"]


def test_the_table_the_speeds_and_the_file(command, tmp_path):
    done = command(*FEW, "--images", "20", "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    assert "Accuracy on 20 real images" in done.stdout
    assert "12 evaluations of the UNet an image (stages 1:2,1:1)" in done.shown
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["planned"], found["evaluations"], found["stages"]) == (20, 240, "1:2,1:1")
    assert found["templates"] == ["an image of a {class}"]
    rows = found["predictions"]
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert found["test"]["accuracy"] == right / 20
    assert all(len(row["errors"]) == 10 for row in rows)


def test_ctrl_c_ends_with_what_is_known(command, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(StageBars, "show", stop)
    path = tmp_path / "found.json"
    done = command(*FEW, "--images", "20", "--batch-size", "5", "--out", path)
    assert done.returncode == 130
    assert "Accuracy on 5 real images" in done.stdout
    assert "interrupted after 5 of 20 images" in done.stderr
    assert len(json.loads(path.read_text())["predictions"]) == 5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--stages", "10"], "'10' are no stages: give timesteps and how many classes are kept"),
        (["--propose", "3"], "propose 3 was given without a run"),
        (["--engine", "onyx"], "unknown engine 'onyx'"),
        (["--engine", "tensorrt", "--device", "cpu"], "'tensorrt' runs on CUDA devices, not on"),
        (["--template", "a photo"], "template 'a photo' has to have {class} in it"),
        (["--out", "{tmp}"], "the result cannot be written to"),
        (["--classes", "coat"], "has 1 classes, at least 2 are needed"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, tmp_path, arguments, complaint):
    done = command("zeroshot", *(str(tmp_path) if a == "{tmp}" else a for a in arguments))
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.shown


def test_an_encoder_s_table_and_file(command, tmp_path, caplog):
    path = tmp_path / "found.json"
    long = "a photo of a {class} " + "that nobody wears any more " * 20
    encoder = ["--encoder", "embedded", "--device", "cpu", "--images", "20"]
    done = command(
        "zeroshot", *encoder, "--template", "a {class}", "--template", long, "--out", path
    )
    assert done.returncode == 0, done.stderr
    assert "Accuracy on 20 real images" in done.stdout
    assert "encoder embedded (clip) at 32 pixels" in done.shown
    assert caplog.text.count("10 of 20 texts are longer than the 32 tokens that encoder") == 1
    found = json.loads(path.read_text())
    assert found["templates"] == ["a {class}", long]
    assert (found["encoder"], found["long_texts"], found["image_size"]) == ("clip", 10, 32)
    rows = found["predictions"]
    assert found["test"]["accuracy"] == sum(row["label"] == row["predicted"] for row in rows) / 20
    for row in rows:
        assert sum(row["scores"]) == pytest.approx(1, abs=1e-4)
        assert row["scores"][row["predicted"]] == max(row["scores"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--classifier", "encoder"],
            "classifier 'encoder' was given without an encoder: name it with",
        ),
        (["--encoder", "embedded", "--classifier", "diffusion"], "but classifier 'diffusion'"),
        (["--encoder", "embedded", "--stages", "1:1"], "and stages, which it has no use for"),
        (["--encoder", "embedded", "--model", "x"], "and model, which it has no use for"),
        (["--encoder", "embedded", "--propose", "3", "--run", "x"], "and propose, which it has no"),
        (["--classifier", "gaussians", "--run", "x"], "'gaussians' was given without an encoder"),
        (["--encoder", "embedded", "--prompt-weights", "zpe"], "and not several templates of an"),
        (["--encoder", "embedded", "--engine", "onyx"], "unknown engine 'onyx'"),
        (["--encoder", "embedded", "--engine", "tensorrt"], "runs no dual encoders: choose torch"),
        (["--encoder", "embeded"], "encoder folder 'embeded' does not exist"),
        (["--encoder", "{tmp}"], "has neither config.json, of transformers, nor"),
    ],
)
def test_what_an_encoder_cannot_take_gets_one_sentence(command, tmp_path, arguments, complaint):
    done = command("zeroshot", *(str(tmp_path) if a == "{tmp}" else a for a in arguments))
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.shown
