"""Probing a small run: its figures, its page, and what is refused."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from pages import Page, loaded_by, needs_browser, widths

from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.run import ProbeSettings, probe_run
from zeroreal.run.probe import asking
from zeroreal.run.probe.corruptions.table import corrupted
from zeroreal.run.probe.settings import NAMES, RobustifySettings
from zeroreal.train.classifier.saved import load_classifier

FIXTURE = Path(__file__).parents[2] / "fixtures" / "run-version-1"
GARMENT = FIXTURE / "garment.png"
CPU = torch.device("cpu")
CLASSES = ("bag", "coat", "dress", "sneaker")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """The same image as each class of the run but one."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in CLASSES[1:]:
        (folder / name).mkdir()
        shutil.copy(GARMENT, folder / name / "x.png")
    return folder


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(FIXTURE / "finished", tmp_path / "run"))


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """What probing a run with generated images gave, and what was told on the way."""
    run = Path(shutil.copytree(FIXTURE / "finished", tmp_path_factory.mktemp("runs") / "run"))
    told = []
    return probe_run(run, ProbeSettings(images=10, device="cpu"), on_progress=told.append), told


def test_all_corruptions_are_measured_on_generated_images(probed):
    result, told = probed
    report = result.report
    assert tuple(row.name for row in report.corruptions) == NAMES
    assert (report.images, report.planned, report.is_real) == (10, 10, False)
    assert report.source.startswith("images that the run's own model generated")
    assert report.severities == "CIFAR-10-C"
    means = [row.accuracy for row in report.corruptions]
    assert report.corrupted_accuracy == pytest.approx(sum(means) / 15)
    assert [row.name for row in report.marks] == ["logo", "text"]
    assert len(report.near) == 10
    stages = {one.stage: (one.done, one.total) for one in told}
    assert stages["generate"] == stages["probe"] == (10, 10)


def test_the_file_holds_the_report(probed):
    result, _ = probed
    content = json.loads((result.folder / "probe.json").read_text())
    assert content == json.loads(json.dumps(asdict(result.report)))


def test_the_page_says_what_it_rests_on_and_holds_its_pictures(probed):
    path = probed[0].folder / "probe.html"
    page = Page(path)
    for words in (
        "mean accuracy under 15 corruptions at five severities",
        "None of them is a photograph",
        "severities of CIFAR-10-C",
        "impulse-noise",
        "from 8×8 pixels",
        "JPEG of quality 10",
        "Nearest to a boundary",
    ):
        assert words in page.text
    assert loaded_by(path) == []
    pairs = bool(probed[0].report.pairs)
    assert len(page.all("img")) == 2 + pairs + 10
    assert page.text.count("get another class") >= 3


@needs_browser
def test_the_page_fits_a_phone(probed, tmp_path):
    content, wide = widths(probed[0].folder / "probe.html", tmp_path, 390)
    assert content <= 390, wide


def test_the_same_run_is_probed_the_same(probed, run):
    names = ("shot-noise", "elastic")
    settings = ProbeSettings(images=10, corruptions=names, device="cpu")
    again = probe_run(run, settings).report
    before = [row for row in probed[0].report.corruptions if row.name in names]
    assert list(again.corruptions) == before
    assert again.marks == probed[0].report.marks


def test_real_images_are_counted_by_hand(run, photographs):
    settings = ProbeSettings(data=str(photographs), corruptions=("fog",), device="cpu")
    report = probe_run(run, settings).report
    assert (report.images, report.is_real, report.source) == (3, True, str(photographs))
    saved = load_classifier(run, CPU)
    found = load_images(photographs, 32, CLASSES)
    clean = saved.predict(found.images).argmax(1)
    assert report.accuracy == pytest.approx(float((clean == found.labels).double().mean()))
    (fog,) = report.corruptions
    for level, share in enumerate(fog.accuracies, 1):
        hazy = corrupted(found.images, "fog", level, 0, torch.arange(3))
        right = saved.predict(hazy).argmax(1) == found.labels
        assert share == pytest.approx(float(right.double().mean()))
    assert fog.per_class[0] is None
    assert "They are real images" in Page(run / "probe.html").text


def test_a_share_of_the_images_is_drawn_evenly(run, photographs, tmp_path):
    folder = Path(shutil.copytree(photographs, tmp_path / "photographs"))
    for name in CLASSES[1:]:
        for copy in range(3):
            shutil.copy(GARMENT, folder / name / f"{copy}.png")
    settings = ProbeSettings(data=str(folder), images=6, corruptions=("jpeg",), device="cpu")
    report = probe_run(run, settings, out=tmp_path / "new" / "place").report
    assert [row.images for row in report.marks[0].per_class] == [0, 2, 2, 2]
    assert (tmp_path / "new" / "place" / "probe.html").is_file()
    assert not (run / "probe.html").exists()


def test_ctrl_c_leaves_the_report_on_what_is_done(run, photographs, monkeypatch):
    monkeypatch.setattr(asking, "_MOST", 2)

    def stop(progress):
        if progress.stage == "probe" and progress.done == 2:
            raise KeyboardInterrupt

    settings = ProbeSettings(data=str(photographs), images=6, corruptions=("jpeg",), device="cpu")
    report = probe_run(run, settings, on_progress=stop).report
    assert report.images == 2
    assert report.planned > 2
    assert "Interrupted" in Page(run / "probe.html").text


def test_ctrl_c_before_any_answer_leaves_nothing(run, photographs):
    def stop(progress):
        raise KeyboardInterrupt

    settings = ProbeSettings(data=str(photographs), corruptions=("jpeg",), device="cpu")
    with pytest.raises(KeyboardInterrupt):
        probe_run(run, settings, on_progress=stop)
    assert not (run / "probe.json").exists()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"corruptions": ("fogg",)}, "unknown corruption 'fogg': did you mean 'fog'"),
        ({"images": 0}, "images is 0"),
        ({"seed": -1}, "seed -1 is outside"),
        ({"tuning": RobustifySettings(epochs=2)}, "give --robustify, too"),
        ({"robustify": True, "corruptions": ("fog",)}, "leave --corruptions out"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, complaint):
    with pytest.raises(InputError, match=complaint):
        ProbeSettings(**values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"hold_out": ("snw",)}, "unknown corruption 'snw': did you mean 'snow'"),
        ({"hold_out": NAMES}, "all 15 corruptions are held out"),
        ({"epochs": 0}, "epochs is 0"),
        ({"copies": 0}, "copies is 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
    ],
)
def test_fine_tuning_that_cannot_be_is_refused(values, complaint):
    with pytest.raises(InputError, match=complaint):
        RobustifySettings(**values)
