"""One image of a real dataset made again: the same to the bit, but for rounding, or another."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base import InputError
from zeroreal.generate.dataset.checking import regenerate as module
from zeroreal.generate.dataset.checking.regenerate import regenerate
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.store.store import LocalStore


def again(root, index, **options):
    return regenerate(LocalStore(root), index, **options)


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy", "folder"])
@pytest.mark.parametrize("index", [5, 7, 9])  # first, middle and last of the second shard
def test_an_image_comes_out_to_the_bit(finished_dataset, shard_format, index):
    found = again(finished_dataset(shard_format), index)
    assert found.same_bytes
    assert found.is_the_same
    assert found.verdict == "It is the same to the bit."
    assert (found.row["index"], found.row["label"]) == (index, index % 3)
    assert found.shard.startswith("000001-000000005-000000009-")


def test_an_image_that_was_made_again_comes_out_to_the_bit(dataset_settings, tmp_path):
    # Every image of a class but the first is a near duplicate in as many bits.
    settings = replace(
        dataset_settings, format="npy", shard_size=12, near_duplicates=60, most_attempts=3
    )
    generate_dataset(settings, tmp_path)
    (table,) = tmp_path.glob("*.parquet")
    rejected = pq.read_table(table)["rejected"].to_pylist()
    tried = [index for index, reasons in enumerate(rejected) if reasons]
    assert len(tried) >= 6
    for index in (tried[0], tried[-1]):
        assert again(tmp_path, index).same_bytes


def test_nothing_is_written(dataset_copy):
    root = dataset_copy("webdataset")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    again(root, 3, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_the_batch_size_is_that_of_the_worker_that_made_the_shard(
    dataset_copy, dataset_settings, tmp_path
):
    other = replace(dataset_settings.generate, batch_size=5)
    root = tmp_path / "fives"
    generate_dataset(replace(dataset_settings, generate=other), root)
    path = root / "dataset.yaml"
    path.write_text(path.read_text().replace("batch_size: 5", "batch_size: 3"))
    assert again(root, 8).same_bytes


def test_rounding_is_told_from_another_image(dataset_copy):
    root = dataset_copy("npy")
    (path,) = root.glob("000001-*[0-9a-f].npy")
    images = np.load(path)
    images[0, :4, :4] ^= 1  # rounded otherwise
    images[1] = images[1][::-1]  # another
    np.save(path, images)
    rounded, other = again(root, 5), again(root, 6)
    assert (rounded.same_bytes, rounded.is_the_same) == (False, True)
    assert rounded.verdict.startswith("It is the same but for rounding: pixels differ by 1/255")
    assert not other.is_the_same
    assert other.verdict.startswith("It is another image: pixels differ by ")


def test_both_are_written_side_by_side(finished_dataset, tmp_path):
    found = again(finished_dataset("npy"), 5)
    found.write(str(tmp_path / "both.png"))
    both = np.asarray(Image.open(tmp_path / "both.png"))
    assert (both == np.concatenate([found.stored, found.made], 1)).all()


@pytest.mark.parametrize("index", [-1, 12])
def test_an_index_outside_is_refused(finished_dataset, index):
    with pytest.raises(InputError, match=rf"image {index} is not in .*: it has images 0 to 11"):
        again(finished_dataset("webdataset"), index)


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (".tar", "image 7 is not there yet: shard '000001-.*' is missing"),
        (".json", "shard '000001-.*' of image 7 has lost its record: `zeroreal verify --fix`"),
        (".parquet", "image 7 cannot be read from shard '000001-.*' .*`zeroreal verify --fix`"),
    ],
)
def test_a_lost_file_is_said(dataset_copy, suffix, said):
    root = dataset_copy("webdataset")
    (path,) = root.glob(f"000001-*{suffix}")
    path.unlink()
    with pytest.raises(InputError, match=said):
        again(root, 7)


def test_a_damaged_image_is_said(dataset_copy):
    root = dataset_copy("folder")
    (root / "train" / "cat" / "000000007.jpg").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"image 7 cannot be read from shard .*verify --fix"):
        again(root, 7)


def test_a_model_that_is_gone_is_said(dataset_copy):
    root = dataset_copy("webdataset")
    path = root / "dataset.yaml"
    path.write_text(path.read_text().replace("model: null", "model: /no/such/model"))
    with pytest.raises(InputError, match="/no/such/model"):
        again(root, 7)


def test_a_model_that_has_changed_is_said(finished_dataset, monkeypatch):
    monkeypatch.setattr(module, "model_digest", lambda *model: "0" * 64)
    with pytest.raises(InputError, match="was made otherwise: model's digest is '0000"):
        again(finished_dataset("webdataset"), 7)
