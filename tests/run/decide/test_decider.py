"""`evaluate` and `predict` of a small run where something takes the likeliest class's place."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from coloured import COLOURS, coloured
from pages import Page
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.cli.main import app
from zeroreal.run import evaluate_run, predict_files
from zeroreal.run.decide.decider import Decider
from zeroreal.run.decide.settings import DecideSettings
from zeroreal.run.report.summary import test_content as content_of
from zeroreal.train.classifier.saved import load_classifier

TREE = {
    "warm": {"hot": ["red", "orange"]},
    "cold": {"sea": ["green", "blue"]},
    "dull": {"stony": ["grey"]},
    "teal": None,  # as near to all as they are to none of another kind
}
LABELS = ["blue", "green", "grey", "red", "orange", "teal"]  # the classifier's sorted, the others
LENGTHS = np.array(  # edges between them
    [
        [0, 2, 6, 6, 6, 4],
        [2, 0, 6, 6, 6, 4],
        [6, 6, 0, 6, 6, 4],
        [6, 6, 6, 0, 2, 4],
        [6, 6, 6, 2, 0, 4],
        [4, 4, 4, 4, 4, 0],
    ]
)
PLACES = torch.tensor([LABELS.index(name) for name in COLOURS])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("trees") / "tree.json"
    path.write_text(json.dumps(TREE))
    return str(path)


@pytest.fixture(scope="module")
def blurred():
    """Pictures between two colours, so that the classifier is often wrong, a few of them teal."""
    images, labels = coloured(48, 16, seed=3)
    labels = PLACES[labels]
    share = torch.linspace(0.4, 0.6, 48)[torch.arange(48) * 7 % 48].view(-1, 1, 1, 1)
    mixed = (share * images + (1 - share) * images.roll(1, 0)).round().to(torch.uint8)
    labels[torch.tensor([10, 14, 18])] = LABELS.index("teal")
    return mixed, labels


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, write_dataset, blurred):
    folder = tmp_path_factory.mktemp("photographs") / "all"
    return write_dataset(folder, "parquet", *blurred, LABELS)


@pytest.fixture(scope="module")
def saved(finished):
    return load_classifier(finished, torch.device("cpu"))


def test_a_tree_decides_as_the_published_formula_and_its_further_leaves_are_tested(
    finished, saved, blurred, photographs, tree
):
    shares = saved.predict(blurred[0]).double().numpy()
    decided = np.argmin(shares @ LENGTHS[:4] ** 2, axis=1)
    truth = blurred[1].numpy()
    lengths = LENGTHS[decided, truth]

    found = evaluate_run(finished, photographs, "cpu", decide=DecideSettings(label_metric=tree))
    assert found.images == 48
    assert found.accuracy == pytest.approx((decided == truth).mean())
    assert found.chance == pytest.approx(1 / 6)
    plain, last = found.deciding.steps
    assert (plain.step, last.step) == ("likeliest class", "label metric")
    assert plain.accuracy == pytest.approx((shares.argmax(1) == truth).mean())
    assert last.accuracy == found.accuracy
    assert last.distances.mean == pytest.approx(lengths.mean())
    assert last.distances.mean_squared == pytest.approx((lengths**2).mean())
    assert (decided == LABELS.index("teal")).sum() > 1
    used = sorted({*range(4), *truth, *decided})
    assert [row.class_name for row in found.per_class] == [LABELS[label] for label in used]
    teal = [row for row in found.per_class if row.class_name == "teal"]
    assert teal[0].images == 3
    assert sum(map(sum, found.confusion)) == 48


def test_features_are_what_the_last_layer_takes(saved, blurred):
    taken = []
    handle = saved.model.get_classifier().register_forward_hook(
        lambda module, inputs, output: taken.append(inputs[0])
    )
    saved.logits(blurred[0])
    handle.remove()
    assert torch.equal(saved.features(blurred[0]), torch.cat(taken))


def test_each_step_is_tested_and_the_command_says_what_decisions_rest_on(
    finished, write_dataset, tmp_path, tree, blurred
):
    images, labels = blurred[0], PLACES[coloured(48, 16, seed=3)[1]]
    data = write_dataset(tmp_path / "all", "folders", images, labels, LABELS[:4])
    arguments = ["--transductive", "--balanced", "--label-metric", tree, "--device", "cpu"]
    command = ["evaluate", str(finished), "--data", data, *arguments, "--neighbours", "7"]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    for step in ("likeliest class", "+ label propagation", "+ balanced classes", "+ label metric"):
        assert step in done.stdout
    note = (
        "each image's class depends on all 48 images together, by a graph of each one's nearest 7 "
        "by the classifier's features, on the assumption that all classes are equally frequent, by "
        "the least mean squared distance (class tree tree.json)"
    )
    assert note in done.stdout
    assert "Mean squared and mean distance to the true class" in done.stdout

    decide = DecideSettings(tree, None, transductive=True, neighbours=7, balanced=True)
    found = evaluate_run(finished, data, "cpu", decide=decide)
    assert found.deciding.note == note
    assert found.accuracy == found.deciding.steps[-1].accuracy
    assert content_of(found)["deciding"]["steps"][2]["step"] == "balanced classes"
    plain = evaluate_run(finished, data, "cpu")
    assert plain.deciding is None
    assert "deciding" not in content_of(plain)
    assert found.deciding.steps[0].accuracy == plain.accuracy


def test_a_test_is_written_as_figures_and_as_a_page(finished, photographs, tree, tmp_path):
    for out in (tmp_path / "test.json", tmp_path / "test.html"):
        arguments = ["--label-metric", tree, "--device", "cpu", "--out", str(out)]
        done = CliRunner().invoke(
            app, ["evaluate", str(finished), "--data", photographs, *arguments]
        )
        assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "test.json").read_text())
    last = found["test"]["deciding"]["steps"][-1]
    assert last["accuracy"] == found["test"]["accuracy"]
    assert found["classes"] == [row["class"] for row in found["test"]["per_class"]]
    page = Page(tmp_path / "test.html")
    assert f"{last['distances']['mean_squared']:.3f}" in page.text
    assert "mistake severity" in page.text
    assert "class tree tree.json" in page.text
    assert "teal" in page.text


@pytest.mark.parametrize("name", ["out.txt", "out", "absent/out.json"])
def test_a_test_that_cannot_be_written_is_refused_before_it_is_made(tmp_path, name):
    arguments = ["--data", "absent", "--out", str(tmp_path / name)]
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path), *arguments])
    assert re.search("name it .json or .html|does not exist: make it first", str(done.exception))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, blurred, write_dataset):
    """A folder of files, one of which is no picture."""
    folder = tmp_path_factory.mktemp("pictures") / "all"
    write_dataset(folder, "folders", blurred[0][:20], torch.zeros(20), ["some"])
    (folder / "some" / "00003.png").write_text("no picture")
    return folder


def test_files_are_decided_on_together_past_a_bad_one(
    finished, saved, blurred, pictures, tree, monkeypatch
):
    from zeroreal.run import predict

    decide = DecideSettings(transductive=True, balanced=True)
    whole = predict_files(finished, [pictures], "cpu", decide=decide)
    monkeypatch.setattr(predict, "_AT_ONCE", 6)
    found = predict_files(finished, [pictures], "cpu", decide=decide)
    assert found[3].class_name is found[3].decided_by is None
    assert [one.class_name for one in found] == [one.class_name for one in whole]
    rest = [one for one in found if one.error is None]
    assert len(rest) == 19
    assert {one.decided_by for one in rest} == {
        "each image's class depends on all 19 images together, by a graph of each one's nearest 10 "
        "by the classifier's features, on the assumption that all classes are equally frequent"
    }


def test_a_class_that_the_classifier_lacks_has_no_probability(
    finished, saved, blurred, pictures, tree
):
    shares = saved.predict(blurred[0][:20]).double().numpy()
    decided = np.argmin(shares @ LENGTHS[:4] ** 2, axis=1)
    found = predict_files(finished, [pictures], "cpu", decide=DecideSettings(label_metric=tree))
    assert "teal" in {one.class_name for one in found}
    for number, one in enumerate(found):
        if number != 3:
            assert one.class_name == LABELS[decided[number]]
            known = decided[number] < 4
            expected = shares[number, decided[number]] if known else None
            assert one.probability == (pytest.approx(expected, abs=1e-5) if known else None)


def test_the_command_writes_what_decisions_rest_on(finished, pictures, tree, tmp_path):
    out = tmp_path / "out.csv"
    arguments = ["--label-metric", tree, "--device", "cpu"]
    command = ["predict", str(finished), str(pictures), *arguments]
    done = CliRunner().invoke(app, [*command, "--out", str(out)])
    assert done.exit_code == 2
    assert "by the least mean squared distance (class tree tree.json)" in done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["decided_by"]) for row in rows] == [number != 3 for number in range(20)]
    plain = CliRunner().invoke(app, ["predict", str(finished), str(pictures), "--device", "cpu"])
    assert "decided" not in plain.output.lower()


@pytest.mark.parametrize(
    ("settings", "images", "complaint"),
    [
        ({"transductive": True}, 1, "there is one image, and a graph of neighbours takes more"),
        ({"balanced": True}, 3, "fewer images, 3, than classes, 4"),
        ({"label_metric": "absent.json"}, 3, "class tree 'absent.json' cannot be read"),
        ({"label_metric": "text"}, 3, "knows the embedded model's ten garments and not 'blue"),
    ],
)
def test_what_cannot_be_decided_on_is_refused(finished, pictures, settings, images, complaint):
    files = sorted((pictures / "some").glob("*.png"))[4 : 4 + images]
    with pytest.raises(InputError, match=complaint):
        predict_files(finished, files, "cpu", decide=DecideSettings(**settings))


def test_without_features_there_is_no_graph():
    with pytest.raises(InputError, match="gives probabilities alone, and a graph of neighbours"):
        Decider(DecideSettings(transductive=True), ("a", "b"), ("a", "b"), "cpu")
