"""`zeroreal audit`: its table, its sentences, and how it ends."""

import json

import pytest

from zeroreal.cli.progress import StageBars

QUICK = ("--device", "cpu", "--precision", "fp32", "--tune", "off", "--steps", "1", "-n", "1")


@pytest.fixture
def encoder(tmp_path_factory):
    """A dual encoder that knows nothing: its weights are random."""
    from tiny_encoders import save_transformers

    return save_transformers("clip", tmp_path_factory.mktemp("clip"))


def test_the_table_the_files_and_what_is_not_known(command, encoder, tmp_path):
    out = tmp_path / "out"
    done = command("audit", "base", "base,guidance=2", *QUICK, "--encoder", encoder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "2 candidates" in done.stdout
    assert "base,guidance=2" in done.stdout
    assert "there are no real images to compare with" in done.stderr
    assert f"Report: {out / 'audit.html'}" in done.stdout
    content = json.loads((out / "audit.json").read_text())
    assert [one["name"] for one in content["candidates"]] == ["base", "base,guidance=2"]
    assert content["settings"]["images_per_class"] == 1


def test_ctrl_c_says_how_to_go_on(command, encoder, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(StageBars, "show", stop)
    done = command("audit", "base", *QUICK, "--encoder", encoder, "--out", tmp_path / "out")
    assert done.returncode == 130
    assert "interrupted with 0 of 1 candidates done" in done.shown
    assert f"the same command with --out {tmp_path / 'out'} goes on" in done.shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["bse"], "unknown recipe 'bse': did you mean 'base'"),
        (["base", "-n", "0"], "images per class is 0"),
        (["--classes", "coat"], "has 1 classes, at least 2 are needed"),
        (["--classes", "cat,dog"], "knows the embedded model's ten garments and not 'cat'"),
        (["--encoder", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("audit", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.shown
