"""The page of a calibration: its figures, its drawings, and that it loads nothing."""

import re
from dataclasses import replace

import pytest
import torch
from pages import Page, loaded_by, needs_browser, widths

from zeroreal.run.calibration.file import Calibration, RejectFigures
from zeroreal.run.calibration.page import PAGE, reliability, risk, write_page

LABELS = torch.arange(200) % 4
LOGITS = 3 * torch.eye(4)[LABELS] + torch.randn(200, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def calibration():
    bare = Calibration(
        temperature=1.5,
        reject_score="softmax",
        reject_threshold=0.4,
        rank_weights=(1.0,),
        weights_digest="00",
        note="calibrated on synthetic images only",
        settings={},
    )
    synthetic = bare.tested("generated images", LOGITS, LABELS)
    rejecting = (RejectFigures("noise", "generated images", 30, 0.912, 0.7),)
    return replace(bare, synthetic=synthetic, rejecting=rejecting)


@pytest.fixture(scope="module")
def page(calibration, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_page(folder, "a <run>", calibration)
    return folder / PAGE


def test_it_has_the_figures_and_loads_nothing(page, calibration):
    found = Page(page)
    after = calibration.synthetic.after
    assert "a <run>" in found.text
    assert f"{100 * after.ece:.1f}" in found.text
    assert f"{after.brier:.4f}" in found.text
    assert "how far it can be trusted on real ones is not known" in found.text
    assert "0.912" in found.text
    assert "Calibrated on synthetic images only." in found.text
    assert loaded_by(page) == []


def test_real_images_come_first(calibration, tmp_path):
    real = replace(calibration.synthetic, source="photos")
    write_page(tmp_path, "run", replace(calibration, real=real))
    found = Page(tmp_path / PAGE)
    assert found.text.index("On photos") < found.text.index("On generated images")
    assert "is not known" not in found.text


def test_a_dot_lies_where_its_bin_does(calibration):
    test = calibration.synthetic
    drawing = reliability(test)
    dots = [shape for shape in drawing.shapes if shape.tag == "circle"]
    assert len(dots) == len(test.before.reliability) + len(test.after.reliability)
    (low, high) = ((46.0, 210.0), (348.0, 12.0))
    one, drawn = test.after.reliability[-1], dots[-1].attributes
    assert drawn["cx"] == pytest.approx(low[0] + (high[0] - low[0]) * one.confidence, abs=0.01)
    assert drawn["cy"] == pytest.approx(low[1] + (high[1] - low[1]) * one.accuracy, abs=0.01)
    assert f"{one.images} images" in dots[-1].hint


def test_risk_rises_to_that_of_all(calibration):
    dots = [shape for shape in risk(calibration.synthetic).shapes if shape.tag == "circle"]
    assert len(dots) == 10
    wrong = 100 * (1 - calibration.synthetic.after.accuracy)
    (all_of_them,) = re.findall(r"100.% answered: ([0-9.]+)", dots[-1].hint)
    assert float(all_of_them) == pytest.approx(wrong, abs=0.05)


def test_a_classifier_without_an_error_is_drawn(calibration):
    bare = replace(calibration, synthetic=None, rejecting=())
    test = bare.tested("images", 30 * torch.eye(4)[LABELS], LABELS)
    assert all("nan" not in str(shape.attributes) for shape in risk(test).shapes)
    assert all("nan" not in str(shape.attributes) for shape in reliability(test).shapes)


@needs_browser
def test_nothing_is_wider_than_a_phone(page, tmp_path):
    width, wide = widths(page, tmp_path, 360)
    assert (width <= 360, wide) == (True, [])
