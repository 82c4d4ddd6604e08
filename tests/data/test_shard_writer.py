"""What the writers of shards leave on the disk: files, bytes, rows; order, counts and failures."""

import ctypes
import errno
import io
import json
import os
import resource
import signal
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from webdataset import TarWriter

from zeroreal.base import InputError
from zeroreal.data import shard_embedded, shard_files
from zeroreal.data.formats import SHARD_FORMATS
from zeroreal.data.shard_files import reserve
from zeroreal.data.shard_writer import new_shard

FILES = {
    "webdataset": ["00000.tar", "00000.parquet"],
    "parquet": ["00000.parquet"],
    "folder": [
        "00000/coat/000000007.png",
        "00000/bag/000000008.png",
        "00000/coat/000000009.png",
        "00000/bag/000000010.png",
        "00000/bag/000000011.png",
        "00000/coat/000000012.png",
        "00000.parquet",
    ],
    "npy": ["00000.npy", "00000.labels.npy", "00000.parquet"],
}


def new(small_set, shard_format, folder, count=6, classes=None):
    return new_shard(
        shard_format,
        folder,
        "00000",
        classes or small_set.classes,
        small_set.schema,
        count=count,
        image_size=small_set.side,
        image_format="png",
    )


def image(small_set, shard_format, number=0):
    pixels = small_set.pixels[number]
    return pixels if shard_format == "npy" else small_set.as_file(pixels)


def all_files(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_close_names_all_files_and_nothing_else_is_there(small_set, tmp_path, shard_format):
    named = [str(path) for path in small_set.write_shard(shard_format, tmp_path)]
    assert named == FILES[shard_format]
    assert set(all_files(tmp_path)) == set(named)


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_the_same_samples_give_the_same_bytes(small_set, tmp_path, shard_format):
    small_set.write_shard(shard_format, tmp_path / "1")
    small_set.write_shard(shard_format, tmp_path / "2")
    assert all_files(tmp_path / "1") == all_files(tmp_path / "2")


@pytest.mark.parametrize(
    ("shard_format", "column", "values"),
    [
        ("webdataset", "key", ["000000007", "000000012"]),
        ("folder", "file_name", ["coat/000000007.png", "coat/000000012.png"]),
        ("npy", None, None),
        ("parquet", None, None),
    ],
)
def test_the_rows_stand_in_parquet(small_set, tmp_path, shard_format, column, values):
    small_set.write_shard(shard_format, tmp_path)
    table = pq.read_table(tmp_path / "00000.parquet")
    assert table.select(small_set.schema.names).to_pylist() == small_set.rows
    extra = {"image"} if shard_format == "parquet" else {column} - {None}
    assert set(table.column_names) == extra | set(small_set.schema.names)
    if column:
        assert [table[column][0].as_py(), table[column][5].as_py()] == values


def test_a_tar_file_is_what_webdatasets_own_writer_makes(small_set, tmp_path):
    small_set.write_shard("webdataset", tmp_path)
    theirs = io.BytesIO()
    writer = TarWriter(theirs, "", "", 0o644, encoder=False, mtime=0)
    for pixels, row in zip(small_set.pixels, small_set.rows, strict=True):
        row_as_json = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        writer.write(
            {
                "__key__": f"{row['index']:09d}",
                "png": small_set.as_file(pixels),
                "cls": str(row["label"]).encode(),
                "txt": row["prompt"].encode(),
                "json": row_as_json.encode(),
            }
        )
    writer.close()
    assert (tmp_path / "00000.tar").read_bytes() == theirs.getvalue()


@pytest.mark.parametrize("count", [1, 4, 5, 6])
def test_a_tar_file_ends_as_tar_files_do_whatever_its_length(small_set, tmp_path, count):
    small_set.write_shard("webdataset", tmp_path, end=count)
    assert (tmp_path / "00000.tar").stat().st_size % tarfile.RECORDSIZE == 0
    with tarfile.open(tmp_path / "00000.tar") as tar:
        members = tar.getmembers()
    assert len(members) == 4 * count
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}


def test_arrays_are_what_numpy_saves(small_set, tmp_path):
    small_set.write_shard("npy", tmp_path)
    for name, array in (
        ("00000.npy", small_set.pixels),
        ("00000.labels.npy", np.array(small_set.labels, np.int64)),
    ):
        theirs = io.BytesIO()
        np.save(theirs, array)
        assert (tmp_path / name).read_bytes() == theirs.getvalue()


def test_room_is_kept_for_arrays_and_their_length_is_what_was_written(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        file.write(b"header")
        reserve(file, 2**20)
        file.flush()
        if path.stat().st_blocks * 512 < 2**20:
            pytest.skip("this file system keeps no room")
    assert path.read_bytes() == b"header"


def test_images_in_parquet_are_held_a_row_group_at_a_time(small_set, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_embedded, "_MOST_ROWS", 4)
    small_set.write_shard("parquet", tmp_path)
    file = pq.ParquetFile(tmp_path / "00000.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [4, 2]
    assert file.read(["index"])["index"].to_pylist() == [7, 8, 9, 10, 11, 12]


def test_large_images_make_row_groups_of_fewer_rows(small_set, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_embedded, "_MOST_BYTES", 2 * len(image(small_set, "parquet")))
    small_set.write_shard("parquet", tmp_path)
    assert pq.ParquetFile(tmp_path / "00000.parquet").num_row_groups >= 2


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_shard_that_is_abandoned_leaves_nothing(small_set, tmp_path, shard_format):
    writer = new(small_set, shard_format, tmp_path)
    writer.write(image(small_set, shard_format), small_set.rows[0])
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_shard_with_too_few_samples_is_not_closed(small_set, tmp_path, shard_format):
    writer = new(small_set, shard_format, tmp_path, count=2)
    writer.write(image(small_set, shard_format), small_set.rows[0])
    with pytest.raises(ValueError, match="to hold 2 samples and got 1"):
        writer.close()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_samples_come_once_and_in_order(small_set, tmp_path, shard_format):
    writer = new(small_set, shard_format, tmp_path)
    writer.write(image(small_set, shard_format), small_set.rows[1])
    for row in small_set.rows[1], small_set.rows[0]:
        with pytest.raises(ValueError, match="samples come in order"):
            writer.write(image(small_set, shard_format), row)
    writer.abandon()


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_no_file_is_overwritten(small_set, tmp_path, shard_format):
    small_set.write_shard(shard_format, tmp_path)
    before = all_files(tmp_path)
    with pytest.raises(FileExistsError):
        new(small_set, shard_format, tmp_path)
    assert all_files(tmp_path) == before


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_full_disk_is_an_error_and_abandoning_cleans_up(small_set, tmp_path, shard_format):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails instead
    writer = new(small_set, shard_format, tmp_path)

    def write_all():
        for number, row in enumerate(small_set.rows):
            writer.write(image(small_set, shard_format, number), row)
        writer.close()

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_all()
        writer.abandon()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_brought_to_the_disk_is_an_error(small_set, tmp_path, monkeypatch):
    class Broken:
        @staticmethod
        def syncfs(descriptor):
            ctypes.set_errno(errno.EIO)
            return -1

    monkeypatch.setattr(shard_files.ctypes, "CDLL", lambda *_, **__: Broken)
    with pytest.raises(OSError, match="Input/output error"):
        small_set.write_shard("npy", tmp_path)


def test_systems_that_cannot_sync_all_at_once_sync_each_file_and_folder(
    small_set, tmp_path, monkeypatch
):
    synced = set()
    monkeypatch.setattr(shard_files.ctypes, "CDLL", lambda *_, **__: None)
    monkeypatch.setattr("os.fsync", lambda file: synced.add(os.readlink(f"/proc/self/fd/{file}")))
    small_set.write_shard("folder", tmp_path)
    assert synced == {str(path) for path in (tmp_path, *tmp_path.rglob("*"))}


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "folder"])
def test_encoded_images_are_bytes_and_nothing_else(small_set, tmp_path, shard_format):
    writer = new(small_set, shard_format, tmp_path)
    with pytest.raises(TypeError, match="an encoded image is bytes, not str"):
        writer.write("a path", small_set.rows[0])


@pytest.mark.parametrize(
    "wrong", [b"a file", np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)]
)
def test_arrays_take_images_of_their_size_alone(small_set, tmp_path, wrong):
    writer = new(small_set, "npy", tmp_path)
    with pytest.raises(TypeError, match=r"uint8 array of the shape \(8, 8, 3\)"):
        writer.write(wrong, small_set.rows[0])


def test_an_unknown_format_is_refused(small_set, tmp_path):
    with pytest.raises(InputError, match="unknown format 'tfrecord'"):
        new(small_set, "tfrecord", tmp_path)


def test_the_schema_says_how_the_hub_shows_the_columns(small_set, tmp_path):
    small_set.write_shard("parquet", tmp_path)
    schema = pq.read_schema(tmp_path / "00000.parquet")
    # https://huggingface.co/docs/datasets/about_dataset_features
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": list(small_set.classes), "_type": "ClassLabel"}
    assert features["guidance"] == {"dtype": "float64", "_type": "Value"}
    assert list(features) == schema.names
    assert schema.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
