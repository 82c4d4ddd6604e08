"""Verification of real datasets: each fault by itself is found, named, and mended to the bit."""

import json
from functools import cache

import numpy as np
import pytest
from dataset_faults import (
    FORMATS,
    KINDS,
    MAIN,
    assert_mended,
    change_record,
    change_table,
    change_tar,
    digest_anew,
    record,
    the,
    the_fault,
    with_value,
)

from zeroreal.generate import Generator
from zeroreal.generate.dataset import opening
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.store.store import LocalStore


@pytest.fixture(autouse=True)
def _one_generator(monkeypatch):
    """Loading the model for each test would take most of the time."""
    monkeypatch.setattr(opening, "make_generator", lambda settings, *others: _generator(settings))


@cache
def _generator(settings):
    return Generator(settings.generate, device=settings.device)


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_finished_dataset_is_sound(finished_dataset, shard_format):
    found = verify_dataset(LocalStore(finished_dataset(shard_format)))
    assert found.is_sound
    assert (found.images, found.total, found.shards) == (12, 12, 3)


@pytest.mark.parametrize(("shard_format", "pattern"), KINDS)
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_flipped_byte_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern, place
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    content = bytearray(path.read_bytes())
    content[int(place * len(content)) if place != -1 else -1] ^= 1
    path.write_bytes(content)
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("damaged", the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}").name)
    assert f"{str(path.relative_to(root))!r} has another digest" in reason
    if place == 0.5:
        assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize(("shard_format", "pattern"), KINDS)
def test_a_truncated_file_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-7])
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert f"{path.name}' has {size - 7} bytes, {size} were written" in reason
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_missing_main_file_is_found_and_mended(dataset_copy, finished_dataset, shard_format):
    root = dataset_copy(shard_format)
    path = the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}")
    path.unlink()
    assert the_fault(root) == ("missing", path.name, "samples 5 to 9 are not there")
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize(
    ("shard_format", "pattern"), [one for one in KINDS if not one[1].endswith(MAIN[one[0]])]
)
def test_a_missing_side_file_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    path.unlink()
    kind, _, reason = the_fault(root)
    assert (kind, reason) == ("damaged", f"{str(path.relative_to(root))!r} is not there")
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff{"])
def test_a_lost_or_damaged_record_is_written_anew_without_the_model(
    dataset_copy, finished_dataset, monkeypatch, shard_format, content
):
    root = dataset_copy(shard_format)
    path = record(root)
    written = json.loads(path.read_text())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(opening, "make_generator", None)
    kind, _, reason = the_fault(root)
    assert kind == "without a record"
    assert ("is damaged" if content is not None else "not their digests") in reason
    assert_mended(root, finished_dataset(shard_format))
    now = json.loads(path.read_text())
    same = ("stem", "first", "end", "files", "classes", "rejected")
    assert [now[name] for name in same] == [written[name] for name in same]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff{"])
def test_a_damaged_record_of_a_folder_is_mended(dataset_copy, finished_dataset, content):
    root = dataset_copy("folder")
    record(root).write_bytes(content)
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("damaged", record(root).name)
    assert "is damaged" in reason
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize("shard_format", ["webdataset", "npy"])
def test_a_shard_that_lost_its_record_and_a_file_is_made_again(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    record(root).unlink()
    the(root, "000001-*.parquet").unlink()
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert ".parquet' is not there" in reason
    assert_mended(root, finished_dataset(shard_format))


def test_a_record_that_leaves_a_file_out_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    change_record(root, lambda content: content["files"].pop(the(root, "000001-*.parquet").name))
    kind, _, reason = the_fault(root)
    assert (kind, reason) == (
        "damaged",
        f"its record lacks {the(root, '000001-*.parquet').name!r}",
    )


def test_a_record_that_counts_otherwise_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    change_record(root, lambda content: content["classes"].update(cat=7))
    assert the_fault(root)[2] == "the record counts 7 images of 'cat', there should be 1"


# Samples 5 to 9 have labels 2, 0, 1, 2, 0.
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda ms: [(k, s, b"1" if (k, s) == ("000000006", "cls") else b) for k, s, b in ms],
            "gives sample 6 label 1, its class has 0",
        ),
        (
            lambda ms: [
                (k, s, b.replace(b'"bird"', b'"dogs"') if (k, s) == ("000000006", "json") else b)
                for k, s, b in ms
            ],
            "json' gives sample 6 a label of no class, its class has 0",
        ),
        (lambda ms: [*ms, *ms[:4]], "has sample 5 2 times"),
        (lambda ms: ms[4:], "has sample 5 0 times"),
        (lambda ms: [m for m in ms if m[:2] != ("000000008", "jpg")], "has sample 8 0 times"),
        (
            lambda ms: [("000000011" if k == "000000008" else k, s, b) for k, s, b in ms],
            "has sample 8 0 times",
        ),
        (lambda ms: ms[4:8] + ms[:4] + ms[8:], "has its samples out of order"),
    ],
    ids=["label", "class", "doubled", "left-out", "no-image", "of-another-shard", "order"],
)
def test_wrong_samples_in_a_well_formed_tar_are_found_and_mended(
    dataset_copy, finished_dataset, change, said
):
    root = dataset_copy("webdataset")
    change_tar(root, change)
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert said in reason
    assert_mended(root, finished_dataset("webdataset"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: with_value(t, "label", 1, 1), "gives sample 6 label 1, its class has 0"),
        (lambda t: with_value(t, "class", 1, "cat"), "gives sample 6 label 1, its class has 0"),
        (lambda t: with_value(t, "index", 1, 5), "has sample 5 2 times"),
        (lambda t: with_value(t, "index", 4, 10), "has sample 9 0 times"),
        (lambda t: t.drop_columns(["label"]), "cannot be read as a table"),
    ],
    ids=["label", "class", "doubled", "of-another-shard", "no-labels"],
)
@pytest.mark.parametrize(
    ("shard_format", "pattern"),
    [
        ("webdataset", "000001-*.parquet"),
        ("parquet", "000001-*.parquet"),
        ("npy", "000001-*.parquet"),
        ("folder", "metadata/000001-*.parquet"),
    ],
)
def test_wrong_samples_in_a_well_formed_table_are_found(
    dataset_copy, shard_format, pattern, change, said
):
    root = dataset_copy(shard_format)
    change_table(root, change, pattern)
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert said in reason


def test_wrong_labels_in_an_array_are_found_and_mended(dataset_copy, finished_dataset):
    root = dataset_copy("npy")
    path = the(root, "000001-*.labels.npy")
    np.save(path, np.array([2, 0, 0, 2, 0]))
    digest_anew(root, path)
    assert "gives sample 7 label 0, its class has 1" in the_fault(root)[2]
    assert_mended(root, finished_dataset("npy"))


def test_an_array_of_fewer_images_is_found(dataset_copy):
    root = dataset_copy("npy")
    path = the(root, "000001-*[0-9a-f].npy")
    np.save(path, np.load(path)[:4])
    digest_anew(root, path)
    assert the_fault(root)[2] == "it has 4 images, 5 labels and 5 rows"
