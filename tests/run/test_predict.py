"""Predicting files: which images are meant, bad ones among them, and the tables."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.cli.main import app
from zeroreal.run import judge, predict, predict_files, write_predictions
from zeroreal.train.classifier.saved import load_classifier

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-version-1"
RUN = FIXTURE / "finished"
GARMENT = next(FIXTURE.rglob("*.png"))


@pytest.fixture(scope="module", autouse=True)
def _loaded_once():
    saved = load_classifier(RUN, torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "load_classifier", lambda folder, device: saved)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A garment, noise, something that is no image, and what is not looked at."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deep").mkdir()
    shutil.copy(GARMENT, folder / "a.png")
    shutil.copy(GARMENT, folder / "deep" / "c.JPG")
    (folder / "b.png").write_text("no picture")
    (folder / "notes.txt").touch()
    (folder / ".d.png").touch()
    return folder


def test_folders_patterns_and_files_are_predicted_past_a_bad_one(folder, monkeypatch):
    monkeypatch.setattr(predict, "_AT_ONCE", 2)
    sources = [folder, f"{folder}/*.png", GARMENT]
    found = predict_files(RUN, sources, "cpu")
    names = [f"{folder}/{name}" for name in ("a.png", "b.png", "deep/c.JPG", "a.png", "b.png")]
    assert [one.path for one in found] == [*names, str(GARMENT)]
    assert [one.class_name for one in found] == 2 * ["sneaker", None, "sneaker"]
    assert [one.error is None for one in found] == [True, False, True] * 2
    assert found[1].error == (
        f"cannot read image '{folder}/b.png' (no known image format); replace or remove it"
    )
    assert found[0].probability == pytest.approx(0.99990749, abs=1e-4)


@pytest.mark.parametrize("name", ["nowhere.png", "*.gif", "empty"])
def test_a_source_that_names_no_image_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"does not exist|holds no images"):
        predict_files(RUN, [GARMENT, tmp_path / name], "cpu")


def test_the_command_goes_on_past_a_bad_file_and_says_so(folder):
    done = CliRunner().invoke(app, ["predict", str(RUN), str(folder), "--device", "cpu"])
    assert done.exit_code == 2
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines == [[f"{folder}/{name}", "sneaker", "100.0 %"] for name in ("a.png", "deep/c.JPG")]
    assert "b.png' (no known image format)" in done.stderr


def test_the_command_writes_tables(folder, tmp_path):
    for name in ("out.csv", "out.json"):
        arguments = ["predict", str(RUN), f"{folder}/?.png", "--out", str(tmp_path / name)]
        done = CliRunner().invoke(app, [*arguments, "--device", "cpu"])
        assert (done.exit_code, done.stdout) == (2, "")
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["class_name"] for row in rows] == ["sneaker", None]
    with (tmp_path / "out.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert table == [
        {key: "" if one is None else str(one) for key, one in row.items()} for row in rows
    ]


@pytest.mark.parametrize("name", ["out.txt", "out", "absent/out.csv"])
def test_a_table_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"name it .csv or .json|does not exist: make it first"):
        write_predictions(tmp_path / name, [])


def test_names_that_are_not_utf_8_are_written(tmp_path):
    path = b"/x/\xff.png".decode(errors="surrogateescape")
    write_predictions(tmp_path / "out.csv", [predict.Prediction(path, "cat, black", 0.5)])
    assert b'/x/\xff.png,"cat, black",0.5,\r\n' in (tmp_path / "out.csv").read_bytes()


def test_greys_of_16_bits_are_predicted(tmp_path):
    pixels = np.asarray(Image.open(GARMENT).convert("L")).astype(np.uint16) * 257
    Image.fromarray(pixels).save(tmp_path / "x.png")
    (found,) = predict_files(RUN, [tmp_path / "x.png"], "cpu")
    assert found.class_name == "sneaker"
