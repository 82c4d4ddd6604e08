"""Testing deployed files on real images: the figures are those of the run."""

import pytest
import torch
from coloured import COLOURS, coloured
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.base.digest import file_digest
from zeroreal.cli.main import app
from zeroreal.export.classifier.files import write_onnx
from zeroreal.run import evaluate_run
from zeroreal.run.calibration.file import Calibration, write_calibration
from zeroreal.run.decide.settings import DecideSettings
from zeroreal.run.finished import read_run


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, write_dataset):
    """Pictures of another size, a third of which are called what they are not."""
    images, labels = coloured(30, 24, seed=8)
    called = [(label + (i % 3 == 0)) % len(COLOURS) for i, label in enumerate(labels.tolist())]
    folder = tmp_path_factory.mktemp("photographs") / "all"
    return write_dataset(folder, "folders", images, called, list(COLOURS))


def test_a_file_in_8_bits_has_the_accuracy_of_its_check(deployment, cards):
    (file,) = [one for one in deployment.files if one.target == "int8"]
    found = evaluate_run(deployment.folder / file.name, cards(40, 1))
    assert (found.images, found.accuracy) == (40, file.accuracy)


@pytest.mark.parametrize("name", ["model.onnx", "model.xml"])
def test_a_file_has_its_run_s_figures(finished, deployment, photographs, name):
    expected = evaluate_run(finished, photographs, "cpu")
    assert 0 < expected.accuracy < 1
    assert evaluate_run(deployment.folder / name, photographs) == expected


def test_a_file_decides_by_a_tree_and_has_no_features(finished, deployment, photographs, tmp_path):
    (tmp_path / "tree.json").write_text('{"light": ["red", "green"], "dark": ["blue", "grey"]}')
    decide = DecideSettings(label_metric=str(tmp_path / "tree.json"))
    expected = evaluate_run(finished, photographs, "cpu", decide=decide)
    path = deployment.folder / "model.onnx"
    assert evaluate_run(path, photographs, decide=decide) == expected
    with pytest.raises(InputError, match="gives probabilities alone, and a graph of neighbours"):
        evaluate_run(path, photographs, decide=DecideSettings(transductive=True))


def test_probabilities_of_a_calibrated_file_are_tested_as_they_are(own_run, photographs, tmp_path):
    logits = read_run(own_run).saved.logits(coloured(30, 16, seed=8)[0])
    digest = file_digest(own_run / "classifier.safetensors")
    low, high = (logits / 3).softmax(1).max(1).values.sort().values[[9, 10]].tolist()
    calibration = Calibration(3.0, "softmax", (low + high) / 2, (), digest, "a test", {})
    write_calibration(own_run, calibration)
    run, path = read_run(own_run), tmp_path / "model.onnx"
    write_onnx(run.graph(any_size=True), run.description, path)

    expected = evaluate_run(own_run, photographs, "cpu").confidence
    found = evaluate_run(path, photographs).confidence
    assert found.before is None
    assert 0 < found.kept == expected.kept < 1
    assert found.kept_accuracy == expected.kept_accuracy
    for name in ("accuracy", "nll", "brier", "ece", "aurc", "risks"):
        value = getattr(expected.after, name)
        assert getattr(found.after, name) == pytest.approx(value, abs=1e-4), name

    arguments = ["evaluate", str(path), "--data", photographs]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    assert "Accuracy on 30 real images" in done.stdout
    assert "Probabilities after calibration" in done.stdout
    assert "→" not in done.stdout


def test_what_a_file_took_for_no_share_at_all_is_tested():
    from zeroreal.train.classifier.confidence import tested_probabilities

    shares, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
    found = tested_probabilities("photos", shares, labels, torch.tensor([False, False])).after
    assert (found.accuracy, found.ece, found.brier) == pytest.approx((0.5, 0.5, 1.0))
    assert 40 < found.nll < 50  # float32 tells no less than e^-87, for one of two


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("absent.onnx", "cannot be read"),
        ("absent", "no classifier.json"),
        ("model.pt2", "a program of torch.export"),
        ("notes.txt", "is no run's folder"),
    ],
)
def test_what_is_neither_run_nor_file_is_refused(tmp_path, photographs, name, complaint):
    if not name.startswith("absent"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=complaint):
        evaluate_run(tmp_path / name, photographs)
