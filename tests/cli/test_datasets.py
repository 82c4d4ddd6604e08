"""Datasets by the command: written, looked after, and trained on."""

import pytest
import yaml

SMALL = (
    *("--classes", "cat, dog", "--images-per-class", "4", "--shard-size", "4", "--steps", "2"),
    *("--device", "cpu", "--precision", "fp32", "--batch-size", "4", "--tune", "off"),
    *("--engine", "torch"),
)


@pytest.fixture
def dataset(command, tmp_path):
    out = tmp_path / "pets"
    done = command("generate", "--out", out, *SMALL)
    assert done.returncode == 0, done.shown
    assert f"8 of 8 images in {out}; 2 shards made now" in done.shown
    return out


def test_a_dataset_is_made_looked_after_and_mended(command, dataset, tmp_path):
    again = command("generate", "--out", dataset)
    assert "8 of 8 images" in again.shown
    assert "0 shards made now" in again.shown

    sound = command("verify", dataset)
    assert sound.returncode == 0
    assert "8 of 8 images in 2 whole shards" in sound.shown

    for options in ((), ("--watch", "--seconds", "0.01")):
        status = command("status", dataset, *options)
        assert status.returncode == 0
        assert "8 of 8 images (100.0%), 2 of 2 shards" in status.shown
        assert "complete" in status.shown

    both = tmp_path / "both.png"
    same = command("regenerate", dataset, "--index", 5, "--out", both)
    assert (same.returncode, both.exists()) == (0, True)
    assert "class 'dog', prompt 'an image of a dog'" in same.shown
    assert "It is the same to the bit." in same.shown
    outside = command("regenerate", dataset, "--index", 8)
    assert outside.returncode == 2
    assert "it has images 0 to 7" in outside.shown

    (shard,) = dataset.glob("000001-*.tar")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9])
    damaged = command("verify", dataset)
    assert damaged.returncode == 1
    (line,) = [line for line in damaged.stdout.splitlines() if "damaged:" in line]
    assert f"'{shard.name}' has {len(whole) - 9} bytes, {len(whole)} were written" in line
    missing = command("status", dataset)
    assert "complete" in missing.shown  # names alone

    mended = command("verify", dataset, "--fix")
    assert mended.returncode == 0, mended.shown
    assert "damaged:" in mended.shown
    assert "Every image is there, once, as it was written." in mended.shown
    assert shard.read_bytes() == whole


def test_a_preview_shows_images_and_makes_nothing_else(command, tmp_path):
    shown = command("generate", "--out", tmp_path / "new", *SMALL, "--preview", 1)
    assert shown.returncode == 0, shown.shown
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["preview.html"]
    for said in ("cat", "an image of a dog", "images in all: 8", "disk free", "Page:"):
        assert said in shown.shown
    none = command("generate", "--out", tmp_path / "other", *SMALL, "--preview", 0)
    assert none.returncode == 2
    assert "preview is 0" in none.shown
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "folder", "npy"])
def test_a_classifier_is_trained_on_every_format(command, tmp_path, shard_format, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("generate", "--out", "pets", *SMALL, "--format", shard_format).returncode == 0
    training = ("--epochs", "1", "--train-batch-size", "4", "--device", "cpu")
    done = command("run", "--images", "pets", *training)
    assert done.returncode == 0, done.shown
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_images_of_a_size_that_is_not_square_are_continued_and_made_again(command, tmp_path):
    out = tmp_path / "wide"
    sized = ("--generate-size", "16x32", "--images-per-class", "2", "--shard-size", "4")
    done = command("generate", "--out", out, *SMALL, *sized)
    assert done.returncode == 0, done.shown
    assert yaml.safe_load((out / "dataset.yaml").read_text())["settings"]["generate"][
        "generate_size"
    ] == [16, 32]
    assert "0 shards made now" in command("generate", "--out", out, *SMALL, *sized).shown
    assert command("generate", "--out", out, *SMALL, "--generate-size", "32x16").returncode == 2
    again = command("regenerate", out, "--index", 3, "--out", tmp_path / "both.png")
    assert "It is the same to the bit." in again.shown
