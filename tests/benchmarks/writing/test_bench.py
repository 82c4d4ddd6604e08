"""The writing benchmark on a few images: everybody writes the same, and all are measured."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.writing import bench, cases
from zeroreal.benchmarks.writing.bench import measure_writing
from zeroreal.benchmarks.writing.cases import CASES, CLASSES, WritingCase, images_of, rows_of
from zeroreal.benchmarks.writing.peers import PEERS
from zeroreal.benchmarks.writing.settings import WritingSettings
from zeroreal.data.encode import ImageEncoder, pillow_settings
from zeroreal.data.source import load_images

SMALL = [name for name in CASES if name.endswith("-32")]


def test_every_format_is_measured_against_its_peer(tmp_path):
    figures = measure_writing(WritingSettings(tuple(SMALL), images=40, rounds=2, work=tmp_path))
    assert list(dict.fromkeys(row.case for row in figures.rows)) == SMALL
    for name in SMALL:
        peer, *ours = [row for row in figures.rows if row.case == name]
        assert peer.is_baseline
        assert [row.name for row in ours] in (["ours, 1 thread", "ours"], ["ours"])
        for row in (peer, *ours):
            assert row.reason is None
            assert len(row.metrics["images_per_second"].values) == 2
            assert row.facts["images"] == 40
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SMALL)
def test_both_write_the_same_images_and_labels(tmp_path, name):
    case, images, rows = CASES[name], images_of(32, 12), rows_of(12)
    save = pillow_settings(case.image_format, 95) if case.image_format else {}
    encoder = ImageEncoder(case.image_format, threads=1) if case.image_format else None
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    PEERS[case.shard_format][1](theirs, images.numpy(), rows, save)
    bench._ours(case, encoder, images, images.numpy(), rows, ours)
    if case.shard_format == "folder":
        ours = ours / "00000"
    (theirs / "classes.txt").write_text("\n".join(CLASSES))
    (ours / "classes.txt").write_text("\n".join(CLASSES))
    if case.shard_format == "parquet":  # theirs names no classes
        import pyarrow.parquet as pq

        first, second = (pq.read_table(folder / "00000.parquet") for folder in (theirs, ours))
        bytes_of = [table["image"].combine_chunks().field("bytes") for table in (first, second)]
        assert bytes_of[0].equals(bytes_of[1])
        assert first["label"].equals(second["label"])
        return
    first, second = load_images(theirs), load_images(ours)
    assert (first.images == second.images).all()
    assert first.labels.tolist() == second.labels.tolist()


def test_larger_images_are_as_many_pixels_and_not_the_same_everywhere(monkeypatch):
    monkeypatch.setattr(cases, "LEAST_IMAGES", 2)
    images = images_of(64, 16).numpy()
    assert (images.shape, images.dtype) == ((4, 64, 64, 3), np.uint8)
    assert images.std() > 20


def test_cases_are_named_by_format_encoding_and_size():
    assert CASES["folder-png-256"] == WritingCase("folder", "png", 256)
    assert CASES["npy-raw-32"] == WritingCase("npy", None, 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cases": ("tfrecord",)}, "unknown writing case 'tfrecord'"),
        ({"images": 0}, "images is 0"),
        ({"rounds": 0}, "rounds is 0"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        measure_writing(WritingSettings(**settings))
