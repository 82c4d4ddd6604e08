"""Calibrating a small run, and using, refusing and damaging what comes out."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.run import CalibrateSettings, calibrate_run, evaluate_run, predict_files
from zeroreal.run.calibration import calibrate
from zeroreal.run.calibration.file import read_calibration
from zeroreal.run.calibration.images import CLASSES, DEGRADED, Answers
from zeroreal.train.classifier.saved import load_classifier

FIXTURE = Path(__file__).parents[2] / "fixtures" / "run-version-1"
GARMENT = FIXTURE / "garment.png"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A run that was calibrated, and what was found."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(FIXTURE / "finished", folder)
    progress = []
    settings = CalibrateSettings(images=6, others=9, keep=0.8, device="cpu")
    found = calibrate_run(folder, settings, progress.append)
    return folder, found, progress


@pytest.fixture
def run(calibrated, tmp_path):
    """A copy to be changed."""
    return Path(shutil.copytree(calibrated[0], tmp_path / "copy"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Two labelled images, each of one class of the run."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("sneaker", "bag"):
        (folder / name).mkdir()
        shutil.copy(GARMENT, folder / name / "x.png")
    return folder


def change(run, **fields):
    path = run / "calibration.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_the_file_holds_what_was_found(calibrated):
    folder, found, progress = calibrated
    assert read_calibration(folder) == found
    content = json.loads((folder / "calibration.json").read_text())
    assert content["temperature"] == found.temperature > 0
    assert content["reject_score"] in ("softmax", "energy", "ranks")
    assert content["settings"]["keep"] == 0.8
    assert content["note"].startswith("calibrated on synthetic images only; the embedded model")
    assert content["real"] is None
    assert found.synthetic.after.images == 4 * 2
    assert {row.kind: row.images for row in found.rejecting} == dict.fromkeys(
        ["two classes in a prompt", "two images mixed", "in pieces", "noise", "coloured patterns"],
        3,
    )
    generated = [one for one in progress if one.stage == "generate"]
    assert (generated[-1].done, generated[-1].total) == (4 * 6 + 9, 4 * 6 + 9)


def test_the_same_run_is_calibrated_the_same(calibrated, run):
    settings = CalibrateSettings(images=6, others=9, keep=0.8, device="cpu")
    assert calibrate_run(run, settings) == calibrated[1]


def test_probabilities_are_those_of_the_temperature(calibrated, run):
    change(run, temperature=5.0)
    classifier = load_classifier(run, CPU)
    images = load_images(str(photographs_of(run)), 32).images
    shares = classifier.predict(images)[0] ** (1 / 5)  # softmax(z / T) is p^(1/T), normalised
    (found,) = predict_files(run, [GARMENT], "cpu")
    assert found.class_name == "sneaker"
    assert found.probability == pytest.approx(float(shares.max() / shares.sum()), abs=1e-5)


def photographs_of(run):
    folder = run / "pictures" / "sneaker"
    folder.mkdir(parents=True)
    shutil.copy(GARMENT, folder)
    return folder.parent


def test_what_is_below_the_threshold_is_rejected(run):
    for threshold, rejected in ((-1e9, False), (1e9, True)):
        change(run, reject_threshold=threshold)
        (found,) = predict_files(run, [GARMENT], "cpu")
        assert (found.class_name, found.rejected) == ("sneaker", rejected)


def test_without_a_calibration_nothing_is_said_of_rejecting(run):
    (run / "calibration.json").unlink()
    (found,) = predict_files(run, [GARMENT], "cpu")
    assert found.rejected is None


def test_a_test_on_real_images_has_its_confidence(run, photographs):
    change(run, reject_threshold=-1e9)
    found = evaluate_run(run, photographs, "cpu")
    assert (
        found.accuracy == found.confidence.after.accuracy == found.confidence.kept_accuracy == 0.5
    )
    assert found.confidence.kept == 1
    (run / "calibration.json").unlink()
    assert evaluate_run(run, photographs, "cpu").confidence is None


def test_real_images_only_measure(calibrated, run, photographs):
    settings = CalibrateSettings(
        images=6, others=9, keep=0.8, device="cpu", data=str(photographs), outside=str(photographs)
    )
    found = calibrate_run(run, settings)
    assert found.temperature == calibrated[1].temperature
    assert found.reject_threshold == calibrated[1].reject_threshold
    assert (found.real.source, found.real.after.images) == (str(photographs), 2)
    assert "measured on 2 real images" in found.note
    last = found.rejecting[-1]
    assert (last.kind, last.images, last.auroc) == ("real images of other things", 2, 0.5)


def test_other_weights_than_were_calibrated_are_refused(run):
    weights = run / "classifier.safetensors"
    save_file({name: 2 * one for name, one in load_file(weights).items()}, weights)
    load_classifier(run, CPU)
    for use in (lambda: predict_files(run, [GARMENT]), lambda: evaluate_run(run, run)):
        with pytest.raises(InputError, match="is of other weights than the run"):
            use()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"temperature": 0}, "has 0.0 as 'temperature': a number above 0"),
        ({"temperature": -1.5}, "has -1.5 as 'temperature'"),
        ({"temperature": float("nan")}, "has nan as 'temperature'"),
        ({"temperature": float("inf")}, "has inf as 'temperature'"),
        ({"temperature": "hot"}, "has 'hot' as 'temperature': input should be a valid number"),
        ({"reject_threshold": float("nan")}, "'reject_threshold' or 'rank_weights' that are not"),
        ({"reject_score": "best"}, "known are energy, ranks, softmax"),
        ({"reject_score": "ranks", "rank_weights": [1.0]}, "1 weights of ranks were given, and 4"),
        ({"rank_weights": [1.0, float("nan")]}, "'rank_weights' that are not finite"),
        ({"weights_digest": None}, "has None as 'weights_digest'"),
    ],
)
def test_values_that_cannot_be_are_refused(run, fields, complaint):
    change(run, **fields)
    with pytest.raises(InputError, match="calibra") as caught:
        predict_files(run, [GARMENT], "cpu")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00", '{"temperature": 1}'])
def test_a_damaged_file_is_refused(run, text):
    (run / "calibration.json").write_text(text)
    with pytest.raises(InputError, match="calibrate the run again"):
        predict_files(run, [GARMENT], "cpu")


def test_a_run_on_a_dataset_is_refused(run):
    path = run / "config.yaml"
    content = {"version": 2, "images": "garments/", "dataset_content": {}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="was trained on the dataset 'garments/'"):
        calibrate_run(run)


def test_a_recipe_that_changed_is_refused(run):
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("an image of a", "a photo of a"))
    with pytest.raises(InputError, match="recipe 'random-guidance' has changed"):
        calibrate_run(run, CalibrateSettings(device="cpu"))


def test_a_model_that_changed_is_refused(run):
    path = run / "config.yaml"
    path.write_text(path.read_text() + "made_with: {model: another}\n")
    with pytest.raises(InputError, match="model 'that ships' has changed"):
        calibrate_run(run, CalibrateSettings(images=6, others=9, device="cpu"))


def test_the_temperature_is_fitted_to_the_same_images_as_they_are_and_degraded():
    plain, degraded = torch.arange(12.0).view(4, 3), -torch.arange(6.0).view(2, 3)
    answers = {
        CLASSES: Answers(plain, torch.tensor([0, 1, 2, 0])),
        DEGRADED: Answers(degraded, torch.tensor([0, 1])),
    }
    logits, targets = calibrate.fitted_to(answers)
    assert logits.tolist() == [*plain[:2].tolist(), *degraded.tolist()]
    assert targets.tolist() == [[1, 0, 0], [0, 1, 0]] * 2
