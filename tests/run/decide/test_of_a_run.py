"""`zeroreal run --label-metric`: what is shown beside the accuracy of the likeliest class."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.cli.main import app
from zeroreal.run import RunSettings, evaluate_run, run
from zeroreal.run.decide.settings import DecideSettings, MetricSettings
from zeroreal.run.report.summary import summary_of
from zeroreal.train import TrainSettings

WARM, COLD = {"hot": ["red", "orange"]}, {"sea": ["green", "blue"]}
TREE = {"colour": {"warm": WARM, "cold": COLD, "grey": None}}


@pytest.fixture(scope="module")
def plain(cards):
    train = TrainSettings(epochs=1, batch_size=32)
    return RunSettings(images=cards(60, 0), data=cards(40, 1), device="cpu", train=train)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("trees") / "tree.json"
    path.write_text(json.dumps(TREE))
    return path


@pytest.fixture(scope="module")
def result(plain, tree, tmp_path_factory):
    """The folder of a run by the command, its files' paths being relative, and what it printed."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(tree, folder / "mine.json")
    options = ["run", "--out", "run", "--epochs", "1", "--train-batch-size", "32"]
    options += ["--images", plain.images, "--data", plain.data, "--device", "cpu"]
    options += ["--label-metric", "mine.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(app, options, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return folder / "run", done.stdout


def test_the_figures_are_those_of_evaluate_beside_the_likeliest_class_s(plain, result, tree):
    folder, metrics = result[0], json.loads((result[0] / "metrics.json").read_text())
    found = summary_of(metrics).test
    likeliest, decided = found.deciding.steps
    assert found.accuracy == likeliest.accuracy == evaluate_run(folder, plain.data, "cpu").accuracy
    by_tree = evaluate_run(folder, plain.data, "cpu", decide=DecideSettings(str(tree)))
    assert [likeliest, decided] == list(by_tree.deciding.steps)
    levels = likeliest.distances.levels
    assert list(levels) == sorted(levels, reverse=True)
    assert levels[0] == 1 > levels[-1] == pytest.approx(found.accuracy)
    assert metrics["test"]["deciding"]["steps"][0]["distances"]["levels"] == list(levels)


def test_table_and_page_show_each_level(result):
    folder, printed = result
    page = (folder / "report.html").read_text()
    levels = summary_of(json.loads((folder / "metrics.json").read_text())).test.deciding.steps[0]
    for number, share in enumerate(levels.distances.levels, 1):
        assert f'<tr><th scope="row">{number}</th><td class="n">{100 * share:.1f}' in page
        rows = [line.split("│") for line in printed.splitlines() if line.startswith("│")]
        (row,) = [cells for cells in rows if cells[1].strip() == str(number)]
        assert row[2].strip() == f"{100 * share:.1f} %"
    for text in ("Accuracy by level of the tree", "class tree mine.json"):
        assert text in printed
        assert text in page


def test_a_run_is_continued_from_any_folder_with_its_tree(result):
    config = yaml.safe_load((result[0] / "config.yaml").read_text())
    assert config["decide"]["label_metric"] == str(result[0].parent / "mine.json")


def test_without_a_tree_nothing_is_shown(plain, result, tmp_path):
    alone = run(plain, tmp_path / "run")
    assert "deciding" not in alone.summary.content()["test"]
    assert "far classes" not in (alone.folder / "report.html").read_text()
    weights = [load_file(one / "classifier.safetensors") for one in (alone.folder, result[0])]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.mark.parametrize(
    ("changes", "metric", "complaint"),
    [
        ({}, MetricSettings("absent.json"), "class tree 'absent.json' cannot be read"),
        ({"data": None}, MetricSettings("tree.json"), "there are no real images to decide on"),
        ({}, MetricSettings(None, "embedded"), "no label metric that needs one: add"),
        ({}, MetricSettings("text"), "knows the embedded model's ten garments and not 'blue"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(
    plain, tmp_path, changes, metric, complaint
):
    with pytest.raises(InputError, match=complaint):
        run(replace(plain, decide=metric, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
