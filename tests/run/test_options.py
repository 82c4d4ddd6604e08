"""Runs with the options of pool and training, and what their logs and reports say of them."""

import csv
import json
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from zeroreal.generate import GenerateSettings
from zeroreal.run import RunSettings, run
from zeroreal.run.settings import GapSettings
from zeroreal.train import PoolSettings, TrainSettings, train_settings

IMAGE = 32 * 32 * 3  # bytes
SMALL = RunSettings(
    classes=("bag", "coat", "dress", "sneaker"),
    images_per_class=10,
    device="cpu",
    generate=GenerateSettings(steps=2, engine="torch", precision="fp32", tune="off", batch_size=20),
    pool=PoolSettings(blocks=4),
    train=TrainSettings(epochs=2, batch_size=8),
)


@pytest.fixture
def finish(tmp_path):
    """A function that runs `SMALL` with a change: the metrics and the rows of the log."""

    def make(**change):
        folder = tmp_path / "run"
        run(replace(SMALL, **change), folder)
        with (folder / "scalars.csv").open() as file:
            rows = [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
        return json.loads((folder / "metrics.json").read_text()), rows

    return make


def pool(**change):
    return replace(SMALL.pool, **change)


def trained(rows):
    """How many samples each epoch had."""
    samples = [0, *(int(row["samples"]) for row in rows)]
    return [after - before for before, after in pairwise(samples)]


@pytest.mark.parametrize("policy", ["oldest", "most-replayed"])
def test_a_pool_smaller_than_the_plan_replaces_images(finish, caplog, policy):
    # Room for 25 in 5 blocks: 20 are held in 4, the fifth is for those to come.
    metrics, rows = finish(pool=pool(memory=25 * IMAGE, policy=policy))
    assert "the pool holds 20 of 40 images: the others replace those" in caplog.text
    assert metrics["images"] == 40
    found = {name: metrics["pool"][name] for name in ("capacity", "policy", "blocks")}
    assert found == {"capacity": 20, "policy": policy, "blocks": 8}
    # A pass a block, over no more than are held, until 2 x 40 samples are there.
    assert trained(rows)[:4] == [5, 10, 15, 20]
    assert max(trained(rows)) == 20
    assert sum(trained(rows)) == 80
    assert metrics["training"]["replay_ratio"] == rows[-1]["replay_ratio"] == 2


def test_a_pool_that_keeps_its_images_generates_no_others(finish, caplog):
    metrics, rows = finish(pool=pool(memory=25 * IMAGE, policy="keep"))
    assert "the pool holds 25 of 40 images: the others are not generated" in caplog.text
    assert metrics["images"] == metrics["pool"]["capacity"] == 25
    assert sum(trained(rows)) == 2 * 25


@pytest.mark.parametrize(("limit", "generated"), [(0.5, [40]), (1.5, [5, 10, 25, 40, 40])])
def test_the_replay_ratio_is_logged_and_never_passes_its_bound(finish, limit, generated):
    train = replace(SMALL.train, epochs=4, max_replay=limit)
    metrics, rows = finish(pool=pool(memory=25 * IMAGE), train=train)
    assert all(0 < row["replay_ratio"] <= limit for row in rows)
    # A pass waits for further blocks of 5 images where it would go beyond.
    images = [row["samples"] / row["replay_ratio"] for row in rows]
    assert images == pytest.approx(generated)
    assert rows[-1]["samples"] == limit * 40
    assert metrics["training"]["replay_ratio"] == limit
    assert metrics["images"] == 40


def test_a_preset_decides_the_training(finish):
    _, rows = finish(train=replace(train_settings("fast"), epochs=2, batch_size=8))
    # 12 updates: a rise to 0.1875 in the first 23 %, which are three, and a line to zero.
    assert [row["step"] for row in rows] == [2, 5, 9, 12]
    expected = [0.1875 * 2 / 3, 0.1875 * 8 / 9, 0.1875 * 4 / 9, 0.1875 * 1 / 9]
    assert [row["learning_rate"] for row in rows] == pytest.approx(expected)


@pytest.fixture
def unlabelled(tmp_path):
    """A folder of ten dark images."""
    folder = tmp_path / "real"
    folder.mkdir()
    for number in range(10):
        Image.new("RGB", (40, 30), (number, 2 * number, 5)).save(folder / f"{number}.png")
    return folder


def test_batch_norm_on_real_images_is_stated_and_changes_the_statistics_alone(
    finish, unlabelled, tmp_path, caplog
):
    finish()
    plain = load_file(tmp_path / "run" / "classifier.safetensors")
    (tmp_path / "run").rename(tmp_path / "plain")
    metrics, _ = finish(gap=GapSettings(batch_norm_data=str(unlabelled)))
    assert metrics["training"]["batch_norm_data"] == str(unlabelled)
    adapted = load_file(tmp_path / "run" / "classifier.safetensors")
    changed = {name for name in plain if not torch.equal(adapted[name], plain[name])}
    assert changed == {name for name in plain if ".running_" in name or "_tracked" in name}
    # Ten images are one batch of eight, which all have the same size.
    assert "on 8 unlabelled real images: this classifier is no longer zero-shot" in caplog.text


def test_the_report_says_whether_the_classifier_is_zero_shot(finish, unlabelled, tmp_path):
    finish()
    report = tmp_path / "run" / "report.html"
    assert "It never saw a real image in training" in report.read_text()
    (tmp_path / "run").rename(tmp_path / "plain")
    finish(gap=GapSettings(batch_norm_data=str(unlabelled)))
    assert "It is not zero-shot" in report.read_text()
    assert str(unlabelled) in report.read_text()


def test_sampled_features_are_told_of_with_the_accuracy_before_them(finish, tmp_path):
    for number, name in enumerate(SMALL.classes):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for shade in range(5):
            image = Image.new("RGB", (32, 32), (60 * number, 50 * shade, 90))
            image.save(tmp_path / "photos" / name / f"{shade}.png")
    data = str(tmp_path / "photos")
    plain, _ = finish(data=data)
    assert plain["sampled_features"] is None
    before = load_file(tmp_path / "run" / "classifier.safetensors")
    (tmp_path / "run").rename(tmp_path / "plain")
    metrics, _ = finish(data=data, train=replace(SMALL.train, feature_samples=50))
    told = {"per_class": 50, "accuracy_before": plain["test"]["accuracy"]}
    assert metrics["sampled_features"] == told
    after = load_file(tmp_path / "run" / "classifier.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"fc.weight", "fc.bias"}
    page = (tmp_path / "run" / "report.html").read_text()
    share = f"{100 * metrics['test']['accuracy']:.1f}"
    assert "with 50 features drawn of each class; accuracy on the test images" in page
    assert share in page.partition("features drawn of each class")[2].partition("</td>")[0]


def test_a_teacher_softens_the_labels_and_is_told_of(finish, tmp_path):
    finish()
    plain = load_file(tmp_path / "run" / "classifier.safetensors")
    (tmp_path / "run").rename(tmp_path / "plain")
    metrics, _ = finish(gap=GapSettings(teacher="embedded"))
    assert metrics["training"]["teacher"] == "embedded"
    softened = load_file(tmp_path / "run" / "classifier.safetensors")
    assert any(not torch.equal(softened[name], plain[name]) for name in plain)
    assert (
        "labels were softened by the\nembedded encoder"
        in (tmp_path / "run" / "report.html").read_text()
    )
