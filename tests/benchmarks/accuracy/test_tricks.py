"""The benchmark of tricks: its rows, what is not measured again, where real images come in."""

import gzip
import json
import sys

import pytest
import torch

from zeroreal.benchmarks.accuracy import runs as lever_accuracy
from zeroreal.benchmarks.accuracy import tricks
from zeroreal.benchmarks.accuracy.runs import AccuracyRuns
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
    """A function that runs the benchmark on 40 images and gives the rows of its result."""
    monkeypatch.setattr(tricks, "IMAGES", 40)
    monkeypatch.setattr(tricks, "_REAL", 40)
    monkeypatch.setattr(lever_accuracy, "FASHION_MNIST_TEST", real)
    monkeypatch.setattr(lever_accuracy, "_HELD_OUT", 40)
    monkeypatch.setattr(lever_accuracy, "_CHUNK", 40)
    monkeypatch.setattr(
        tricks, "TRICKS", {"none": QUICK, "jpeg 50": QUICK, tricks.BATCH_NORM: QUICK}
    )

    def run(*names, seeds=(3,)):
        result = tmp_path / "result.json"
        words = ["tricks", "--tricks", *names, "--seeds", *seeds, "--device", "cpu"]
        words += ["--real", real, "--images", tmp_path / "images", "--work", tmp_path / "work"]
        monkeypatch.setattr(sys, "argv", [str(word) for word in (*words, "--result", result)])
        tricks.main()
        return json.loads(result.read_text())

    return run


def test_every_trick_has_a_row(measure, capsys):
    result = measure("none", tricks.BATCH_NORM)
    assert result["images"] == 40
    assert result["command"].startswith(
        "python -m zeroreal.benchmarks.accuracy.tricks --tricks none"
    )
    rows = result["tricks"]
    assert list(rows) == ["none", tricks.BATCH_NORM]
    assert [row["uses_real_images"] for row in rows.values()] == [False, True]
    assert rows["none"]["settings"]["batch_size"] == 20
    for row in rows.values():
        shares = row["test"]["by_seed"]["3"] * 80, row["held_out"]["by_seed"]["3"] * 40
        assert shares == pytest.approx([round(share) for share in shares])
        assert row["test"]["mean_accuracy"] == row["test"]["by_seed"]["3"]
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == [
        "none, seed 3",
        "re-estimated BatchNorm, seed 3",
    ]


def test_what_is_kept_is_not_measured_again(measure, tmp_path, monkeypatch):
    trained = []

    def count(runs, images, labels, seed, settings):
        trained.append(seed)
        return fit(runs, images, labels, seed, settings)

    fit = AccuracyRuns.trained
    monkeypatch.setattr(AccuracyRuns, "trained", count)
    first = measure("none")
    kept = tmp_path / "work" / "none-3.json"
    assert first["tricks"]["none"]["test"]["by_seed"] == {"3": json.loads(kept.read_text())["test"]}
    kept.write_text('{"test": 0.25, "held_out": 0.5}')
    second = measure("none", "jpeg 50", seeds=(3, 4))
    assert trained == [3, 3, 4, 4]
    assert second["tricks"]["none"]["test"]["by_seed"]["3"] == 0.25
    assert second["tricks"]["none"]["held_out"]["by_seed"]["3"] == 0.5
    assert list(second["tricks"]["jpeg 50"]["test"]["by_seed"]) == ["3", "4"]
