"""What cannot be deployed, or predicted with, and that nothing is left behind."""

import json
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings, Generator, SamplePlan, load_recipe
from zeroreal.run import DeploySettings, deploy_run, predict_files
from zeroreal.run.deploy import deploy as deploying
from zeroreal.run.deploy.images import run_images
from zeroreal.run.finished import read_run

VERSION_1 = Path(__file__).parents[2] / "fixtures" / "run-version-1"
QUICK = DeploySettings(synthetic=30)


def refused(run, out, settings=QUICK):
    """The sentence; `out` is as it was."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(InputError) as caught:
        deploy_run(run, out, settings)
    assert sorted(out.parent.iterdir()) == before
    return str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path):
    assert "has no classifier.json" in refused(tmp_path / "nowhere", tmp_path / "out")


def test_an_unfinished_run_is_refused(tmp_path):
    run = VERSION_1 / "interrupted"
    assert f"is not finished: go on with zeroreal run --resume {run}" in refused(
        run, tmp_path / "out"
    )


def test_a_folder_that_is_in_use_stays_as_it_is(finished, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert "is not a new or empty folder" in refused(finished, out)
    assert (out / "mine.txt").read_text() == "mine"


def test_images_that_the_run_did_not_keep_are_asked_for(tmp_path):
    said = refused(VERSION_1 / "finished", tmp_path / "out")
    assert "keeps none of the images" in said
    assert "--regenerate" in said


def test_images_are_generated_again():
    settings = DeploySettings(synthetic=12, regenerate=True, device="cpu")
    run, told = read_run(VERSION_1 / "finished"), []
    images = run_images(run, settings, told.append)
    assert images.shape == (12, 32, 32, 3)
    again = Generator(GenerateSettings(steps=2, engine="torch", precision="fp32", tune="off"))
    plan = SamplePlan(load_recipe("random-guidance"), run.classes, images_per_class=8, seed=0)
    expected, _ = again.images(plan[:12])
    assert (images.int() - expected.int()).abs().max() <= 1  # batches of other sizes round else
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("generate", 12, 12)


def test_another_recipe_than_the_runs_is_refused(tmp_path):
    run = shutil.copytree(VERSION_1 / "finished", tmp_path / "run")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("an image of a", "a photo of a"))
    settings = DeploySettings(synthetic=24, regenerate=True, device="cpu")
    assert "recipe 'random-guidance' has changed" in refused(run, tmp_path / "out", settings)


def test_another_dataset_than_the_runs_is_refused(own_run, tmp_path):
    config = (own_run / "config.yaml").read_text()
    (own_run / "config.yaml").write_text(config.replace("sha256:", "sha256:0"))
    assert "has changed since the run" in refused(own_run, tmp_path / "out")


def test_a_calibration_that_is_none_is_refused(own_run, tmp_path):
    (own_run / "calibration.json").write_text('{"temperature": 2.0}')
    assert "lacks 'reject_score'" in refused(own_run, tmp_path / "out")


def test_figures_without_a_test_are_refused(own_run, tmp_path):
    (own_run / "metrics.json").write_text(json.dumps({"name": "run"}))
    assert "lack 'test'" in refused(own_run, tmp_path / "out")


def test_a_file_that_fails_leaves_nothing(finished, tmp_path, monkeypatch):
    before = deploying.write_int8

    def spoilt(source, calibrating, choosing, path):
        found, model = before(source, calibrating, choosing, path), onnx.load(path)
        for one in model.graph.initializer:
            if one.name.endswith("_scale") and not one.dims:  # ranges of activations, too narrow
                narrow = numpy_helper.to_array(one) / 30
                one.CopyFrom(numpy_helper.from_array(narrow, one.name))
        onnx.save(model, path)
        return found

    monkeypatch.setattr(deploying, "write_int8", spoilt)
    said = refused(finished, tmp_path / "out", DeploySettings(to=("onnx", "int8"), synthetic=60))
    assert "the int8 file gives PyTorch's class to" in said
    assert "most is lost in network" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"to": ("onnx", "tflite")}, "unknown target 'tflite': .*are int8, onnx, openvino, tens"),
        ({"target": ("sm_89",)}, "add tensorrt to --to"),
        ({"to": ("tensorrt",), "target": ("sm_89", "sm_89")}, "one twice"),
        ({"precision": ("fp32",)}, "unknown precision 'fp32': .*are fp16, int8"),
        ({"calibration_images": "real"}, "unknown calibration images 'real'"),
        ({"to": ()}, "are none"),
        ({"to": ("onnx", "onnx")}, "one twice"),
        ({"size": "small"}, "unknown size 'small'"),
        ({"synthetic": 3}, "at least 12"),
    ],
)
def test_settings_out_of_range_are_refused(values, said):
    with pytest.raises(InputError, match=said):
        DeploySettings(**values)


def test_a_program_is_not_loaded(deployment):
    with pytest.raises(InputError, match="loading one runs whatever it holds: give the"):
        predict_files(deployment.folder / "model.pt2", [VERSION_1 / "garment.png"])


def test_a_file_of_another_kind_is_no_run(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match=r"is no run's folder: give one, or an .onnx or .xml file"):
        predict_files(tmp_path / "model.bin", [VERSION_1 / "garment.png"])
