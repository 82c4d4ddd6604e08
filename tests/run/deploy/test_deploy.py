"""Deploying a run: its files against the run, and the card that comes with them."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import onnxruntime
import pytest
import torch
from coloured import COLOURS, coloured
from PIL import Image
from scipy.stats import binomtest
from typer.testing import CliRunner

from zeroreal.base.digest import file_digest
from zeroreal.cli.main import app
from zeroreal.export.classifier.deployed import load_deployed
from zeroreal.export.classifier.files import write_onnx
from zeroreal.export.classifier.gate import LEAST_AGREEMENT
from zeroreal.run import DeploySettings, deploy_run, predict_files
from zeroreal.run.calibration.file import Calibration, write_calibration
from zeroreal.run.deploy.settings import FILES
from zeroreal.run.finished import read_run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of pictures of several sizes, one of them turned by its tag."""
    folder = tmp_path_factory.mktemp("pictures")
    images, _ = coloured(8, 48, seed=5)
    for number, image in enumerate(images):
        picture = Image.fromarray(image.numpy()).resize((20 + 9 * number, 60 - 5 * number))
        exif = Image.Exif()
        exif[0x112] = 6 if number == 3 else 1
        picture.save(folder / f"{number}.png", exif=exif)
    return folder


def run_python(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def snippet(folder):
    """The Python of a deployment's card."""
    (found,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return found


def test_each_file_agrees_with_pytorch(deployment):
    assert {one.target for one in deployment.files} == set(FILES)
    by_target = {one.target: one for one in deployment.files}
    for target, largest in (("onnx", 0.01), ("torch", 0.01), ("openvino", 0.1), ("int8", 0.5)):
        one = by_target[target]
        assert [case.case for case in one.comparisons] == [
            "synthetic images",
            "synthetic images of 46 x 37 pixels",
            "synthetic images of 23 x 16 pixels",
            "synthetic images of 99 x 9 pixels",
            one.comparisons[-1].case,
        ]
        assert one.comparisons[-1].case.startswith("real images, ")
        assert one.largest_difference < largest
        assert one.agreement >= LEAST_AGREEMENT[target]
        assert one.accuracy == pytest.approx(deployment.accuracy, abs=0.03)
        exact = binomtest(round(40 * one.accuracy), 40).proportion_ci(method="exact")
        assert one.interval == pytest.approx((exact.low, exact.high))
        assert [speed.batch for speed in one.speeds] == [1, 32]
        assert all(0 < speed.p50_ms <= speed.p99_ms for speed in one.speeds)
    assert by_target["int8"].quantised_share > 0.9


@pytest.mark.parametrize(
    ("name", "largest"), [("model.onnx", 1e-4), ("model-int8.onnx", 0.3), ("model.xml", 0.05)]
)
def test_predict_takes_a_file_for_the_run(finished, deployment, pictures, name, largest):
    by_run = predict_files(finished, [pictures], "cpu")
    by_file = predict_files(deployment.folder / name, [pictures])
    assert [one.class_name for one in by_file] == [one.class_name for one in by_run]
    apart = [abs(a.probability - b.probability) for a, b in zip(by_run, by_file, strict=True)]
    assert max(apart) < largest


def test_the_cards_python_gives_what_predict_does_without_pytorch(finished, deployment, pictures):
    (expected,) = predict_files(finished, [pictures / "3.png"], "cpu")
    (deployment.folder / "picture.jpg").write_bytes((pictures / "3.png").read_bytes())
    code = snippet(deployment.folder) + "\nimport sys; print('torch' in sys.modules)"
    name, score, has_torch = run_python(code, deployment.folder).split()
    assert (name, has_torch) == (expected.class_name, "False")
    assert float(score) == pytest.approx(expected.probability, abs=2e-3)


def test_openvino_alone_has_python_of_its_own(finished, cards, pictures, tmp_path):
    settings = DeploySettings(to=("openvino",), synthetic=60, data=cards(40, 1))
    folder = deploy_run(finished, tmp_path / "out", settings).folder
    assert sorted(file.name for file in folder.iterdir()) == [
        *("README.md", "deploy.json", "model.bin", "model.xml")
    ]
    (expected,) = predict_files(finished, [pictures / "3.png"], "cpu")
    (folder / "picture.jpg").write_bytes((pictures / "3.png").read_bytes())
    name, score = run_python(snippet(folder), folder).split()
    assert name == expected.class_name
    assert float(score) == pytest.approx(expected.probability, abs=0.05)


def test_the_files_and_figures_say_what_they_are(finished, deployment):
    session = onnxruntime.InferenceSession(deployment.folder / "model.onnx")
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["classes"]) == sorted(COLOURS)
    assert said["run_digest"] == file_digest(finished / "classifier.safetensors")
    metrics = json.loads((finished / "metrics.json").read_text())
    assert json.loads(said["accuracy"]) == metrics["test"]["accuracy"]
    assert json.loads(said["tested_images"]) == 40
    assert json.loads(said["tested_on"]) == "cards"  # the folder, and not where it lies
    figures = json.loads((deployment.folder / "deploy.json").read_text())
    assert [one["name"] for one in figures["files"]] == list(FILES.values())
    for one in figures["files"]:
        parts = [one["name"], *(["model.bin"] if one["name"] == "model.xml" else [])]
        sizes = [(deployment.folder / part).stat().st_size for part in parts]
        assert one["bytes"] == sum(sizes)
    assert figures["files"][1]["calibrations"][0]["method"] in ("MinMax", "Entropy", "Percentile")


def test_the_card_names_classes_accuracy_and_every_file(deployment):
    card = (deployment.folder / "README.md").read_text()
    for text in (*COLOURS, "on 40 real images", *FILES.values(), "opset 18"):
        assert text in card
    for file in deployment.files:
        low, high = file.interval
        assert f"{100 * file.accuracy:.1f} % ({100 * low:.1f} % to {100 * high:.1f} %)" in card
    assert "{" not in re.sub(r"```.*?```", "", card, flags=re.DOTALL)


def test_the_command_writes_and_tells_and_a_fixed_size_is_used_as_the_card_says(
    finished, tmp_path, pictures
):
    out = tmp_path / "out"
    arguments = ["--to", "onnx", "--size", "fixed", "--synthetic", "60", "--out", str(out)]
    done = CliRunner().invoke(app, ["deploy", str(finished), *arguments])
    assert done.exit_code == 0, done.output
    assert "model.onnx" in done.stdout
    assert "100.00 %" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "deploy.json", "model.onnx"]
    (expected,) = predict_files(finished, [pictures / "0.png"], "cpu")
    (out / "picture.jpg").write_bytes((pictures / "0.png").read_bytes())
    name, score = run_python(snippet(out), out).split()
    assert name == expected.class_name
    assert float(score) == pytest.approx(expected.probability, abs=0.05)
    (found,) = predict_files(out / "model.onnx", [pictures / "0.png"])
    assert found.probability == pytest.approx(expected.probability, abs=1e-4)


SCORES = [("softmax", ()), ("energy", ()), ("ranks", (0.5, -0.25, 0.1, -0.1))]


@pytest.mark.parametrize(("score", "weights"), SCORES)
def test_a_calibration_of_the_run_is_taken(own_run, pictures, tmp_path, score, weights):
    images, _ = coloured(20, 16, seed=6)
    logits = read_run(own_run).saved.logits(images)
    ranks = weights[: logits.shape[1]]
    digest = file_digest(own_run / "classifier.safetensors")
    bare = Calibration(3.0, score, 0.0, ranks, digest, "a test", {})
    # Between two images' scores, so that some are rejected and some are not.
    low, high = bare._scores(logits).sort().values[[9, 10]].tolist()
    write_calibration(own_run, replace(bare, reject_threshold=(low + high) / 2))
    found = read_run(own_run)
    expected = (logits / 3).softmax(1)
    torch.testing.assert_close(found.predict(images)[0], expected)
    probabilities, _, _, rejected = found.graph(any_size=True)(images)
    torch.testing.assert_close(probabilities, expected)
    assert 0 < rejected.sum() < len(images)

    write_onnx(found.graph(any_size=True), found.description, tmp_path / "model.onnx")
    deployed = load_deployed(tmp_path / "model.onnx")
    assert (deployed.card.temperature, deployed.card.reject_score) == (3.0, score)
    assert deployed.predict(images)[1].equal(rejected)
    of_run = predict_files(own_run, [pictures], "cpu")
    of_file = predict_files(tmp_path / "model.onnx", [pictures])
    assert [one.rejected for one in of_file] == [one.rejected for one in of_run]
    assert {one.rejected for one in of_file} <= {True, False}
