"""Files that are no dataset, given for one: the sentence says what they are."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base import InputError
from zeroreal.data.source import load_images


def zipped(name, content=b"x"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def saved(write, *arguments):
    buffer = io.BytesIO()
    write(buffer, *arguments)
    return buffer.getvalue()


def arrow(opened):
    table = pa.table({"a": [1]})
    buffer = io.BytesIO()
    with opened(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


TABLE = saved(lambda file: pq.write_table(pa.table({"a": [1]}), file))
PICTURE = saved(lambda file: Image.new("RGB", (4, 4)).save(file, "png"))
CASES = [
    ("photos.zip", zipped("cat/1.jpg"), "a ZIP archive: unpack it, and give the folder"),
    ("photos.parquet", zipped("cat/1.jpg"), "a ZIP archive: unpack it"),
    ("photos.tar", zipped("cat/1.jpg"), "a ZIP archive: unpack it"),
    ("cut.zip", zipped("cat/1.jpg")[:30], "a damaged ZIP archive: fetch it again"),
    ("page.zip", b"<html>", "a damaged archive: fetch it again"),
    ("a.npz", saved(lambda f: np.savez(f, x=np.zeros(2))), "an archive of NumPy arrays: save its"),
    ("a.zip", saved(lambda f: np.savez(f, x=np.zeros(2))), "an archive of NumPy arrays"),
    (
        "labels.csv",
        b"file,label\na.png,cat\n",
        "a table of text, which holds no images: give the f",
    ),
    ("labels.json", b'{"a.png": "cat"}', "text and no images: give the folder of the images"),
    ("list.txt", b"a.png\n", "text and no images: give the folder"),
    ("labels.csv", zipped("cat/1.jpg"), "a ZIP archive: unpack it"),
    ("set.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file: write its images to a Parquet"),
    ("set.rar", b"Rar!\x1a\x07\x01\x00" + bytes(99), "a RAR archive: unpack it"),
    ("set.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive: unpack it"),
    ("set.tar.bz2", b"BZh91AY" + bytes(99), "compressed by bzip2: unpack it"),
    ("set.csv.gz", gzip.compress(b"a,b"), "compressed by gzip: unpack it, or, if it is a tar"),
    ("data.arrow", arrow(pa.ipc.new_file), "an Arrow file: write it as Parquet"),
    ("data.arrow", arrow(pa.ipc.new_stream), "an Arrow stream: write it as Parquet"),
    ("cifar", pickle.dumps({"data": 1}), "a pickle, which is never opened: write its images"),
    ("set.pt", zipped("archive/data.pkl"), "a pickle, which is never opened"),
    ("x.bin", PICTURE, "an image file, which has no label: give the folder"),
    ("x.tar", PICTURE, "an image file, which has no label"),
    ("x.tar", TABLE, r"a Parquet file: name it so \(.parquet\)"),
    ("x.dat", saved(np.save, np.zeros(2)), "a NumPy array: name it X.npy"),
    ("book.xlsx", zipped("xl/workbook.xml"), "a spreadsheet: give the folder"),
    ("empty.parquet", b"", "empty: fetch or write it again"),
]


# By number and not by content, which holds the second that it was made in: workers must agree.
@pytest.mark.parametrize(("name", "content", "what"), CASES, ids=range(len(CASES)))
def test_what_is_no_dataset_is_told_by_what_it_is(tmp_path, name, content, what):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^'{path}' is {what}") as caught:
        load_images(path)
    assert "\n" not in str(caught.value)


def test_a_table_of_parquet_is_read_whatever_it_is_called(tmp_path):
    table = pa.table({"image": [PICTURE], "label": ["cat"]})
    pq.write_table(table, tmp_path / "set.csv")
    assert load_images(tmp_path / "set.csv").classes == ("cat",)
