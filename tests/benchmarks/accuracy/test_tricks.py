"""The benchmark of tricks: its rows, what is not measured again, where real images come in."""

import gzip
import json
from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.accuracy import runs as lever_accuracy
from zeroreal.benchmarks.accuracy import tricks
from zeroreal.benchmarks.accuracy.runs import AccuracyRuns
from zeroreal.benchmarks.accuracy.settings import TricksSettings
from zeroreal.benchmarks.accuracy.tricks import measure_tricks
from zeroreal.benchmarks.harness import Progress
from zeroreal.train import TrainSettings

QUICK = TrainSettings(epochs=1, batch_size=20)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Fashion-MNIST's files with 80 random images a split, of which the last 40 are held out."""
    folder = tmp_path_factory.mktemp("real")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (80, 28, 28), generator=generator, dtype=torch.uint8)
    labels = (torch.arange(80) % 10).to(torch.uint8)
    for name, header, content in (
        ("images-idx3-ubyte.gz", (0x803, 80, 28, 28), images),
        ("labels-idx1-ubyte.gz", (0x801, 80), labels),
    ):
        prefix = b"".join(number.to_bytes(4, "big") for number in header)
        whole = gzip.compress(prefix + content.numpy().tobytes())
        for split in ("train", "t10k"):
            (folder / f"{split}-{name}").write_bytes(whole)
    return folder


@pytest.fixture
def measure(real, tmp_path, monkeypatch):
    """A function that runs the benchmark on 40 images and gives its figures."""
    monkeypatch.setattr(tricks, "IMAGES", 40)
    monkeypatch.setattr(tricks, "_REAL", 40)
    monkeypatch.setattr(lever_accuracy, "FASHION_MNIST_TEST", real)
    monkeypatch.setattr(lever_accuracy, "_SPLIT", 80)
    monkeypatch.setattr(lever_accuracy, "_HELD_OUT", 40)
    monkeypatch.setattr(lever_accuracy, "_CHUNK", 40)
    monkeypatch.setattr(
        tricks, "TRICKS", {"none": QUICK, "jpeg 50": QUICK, tricks.BATCH_NORM: QUICK}
    )

    def run(*names, seeds=(3,), tell=lambda line: None):
        chosen = TricksSettings(
            real, names, seeds, "cpu", images=real / "images", work=tmp_path / "work"
        )
        return measure_tricks(chosen, Progress(tell))

    return run


@pytest.fixture
def trained(monkeypatch):
    """The seeds and settings of what was trained."""
    done = []

    def count(runs, images, labels, seed, settings):
        done.append((seed, settings.epochs))
        return fit(runs, images, labels, seed, settings)

    fit = AccuracyRuns.trained
    monkeypatch.setattr(AccuracyRuns, "trained", count)
    return done


def test_every_trick_has_a_row(measure):
    lines = []
    figures = measure("none", tricks.BATCH_NORM, tell=lines.append)
    assert figures.facts["images"] == 40
    none, adapted = figures.rows
    assert (none.name, adapted.name) == ("none", tricks.BATCH_NORM)
    assert (none.is_baseline, adapted.is_baseline) == (True, False)
    assert [row.facts["uses_real_images"] for row in figures.rows] == [False, True]
    assert none.facts["settings"]["batch_size"] == 20
    for row in figures.rows:
        (test,) = row.metrics["accuracy"].values
        (held_out,) = row.metrics["held_out_accuracy"].values
        assert test * 80 == pytest.approx(round(test * 80))
        assert held_out * 40 == pytest.approx(round(held_out * 40))
    assert [line.partition(":")[0] for line in lines] == [
        "none, seed 3",
        "re-estimated BatchNorm, seed 3",
    ]


def test_what_is_kept_is_not_measured_again(measure, tmp_path, trained):
    first = measure("none")
    (kept,) = (tmp_path / "work").glob("none-3-*.json")
    content = json.loads(kept.read_text())
    assert first.rows[0].metrics["accuracy"].values == (content["figures"]["test"],)
    kept.write_text(json.dumps({**content, "figures": {"test": 0.25, "held_out": 0.5}}))
    none, jpeg = measure("none", "jpeg 50", seeds=(3, 4)).rows
    assert [seed for seed, _ in trained] == [3, 3, 4, 4]
    assert none.metrics["accuracy"].values[0] == 0.25
    assert none.metrics["held_out_accuracy"].values[0] == 0.5
    assert jpeg.facts["seeds"] == [3, 4]


def test_an_interruption_leaves_the_trainings_that_are_finished(measure, monkeypatch):
    fit = AccuracyRuns.trained

    def trained(runs, images, labels, seed, settings):
        if seed == 4:
            raise KeyboardInterrupt
        return fit(runs, images, labels, seed, settings)

    monkeypatch.setattr(AccuracyRuns, "trained", trained)
    figures = measure("none", seeds=(3, 4))
    assert not figures.finished
    assert figures.rows[0].facts["seeds"] == [3]


def test_a_trick_whose_settings_are_others_is_measured_again(measure, monkeypatch, trained):
    measure("none")
    monkeypatch.setattr(tricks, "TRICKS", {"none": replace(QUICK, epochs=2)})
    measure("none")
    assert trained == [(3, 1), (3, 2)]


def test_an_unknown_trick_gets_one_sentence(measure):
    with pytest.raises(InputError, match="unknown trick 'jpeg 51': did you mean 'jpeg 50'"):
        measure("jpeg 51")


def test_a_part_of_the_training_split_is_refused(real, tmp_path):
    with pytest.raises(InputError, match="holds 80 of Fashion-MNIST's 60,000 training images"):
        AccuracyRuns(tmp_path, real, "cpu")
