"""Labelled images in parquet files."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base import InputError
from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES
from zeroreal.data.real import load_real_images
from zeroreal.data.settings import ReadSettings
from zeroreal.data.source import load_images

SHIPPED = Path(__file__).parents[2] / "assets" / "fashion-mnist-test" / "test.parquet"


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


CLASSES = ("ankle boot", "bag", "coat")


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def plain(colour, size=8):
    return np.full((size, size, 3), colour, np.uint8)


def write_parquet(path, images, labels, metadata=None):
    table = pa.table({"image": images, "label": labels})
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def huggingface(*names):
    feature = {"names": list(names), "_type": "ClassLabel"}
    return {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}


@pytest.mark.parametrize("metadata", [{"class_names": "coat, bag"}, huggingface("coat", "bag")])
@pytest.mark.parametrize("wrap", [lambda b: b, lambda b: {"bytes": b, "path": "x.png"}])
def test_parquet_labels_are_named_by_the_schema(tmp_path, metadata, wrap):
    images = [wrap(png(plain(colour))) for colour in (RED, GREEN, BLUE)]
    path = write_parquet(tmp_path / "t.parquet", images, [1, 0, 1], metadata)
    found = load_real_images(path, CLASSES, 8)
    assert found.labels.tolist() == [1, 2, 1]
    assert found.images[:, 0, 0].tolist() == [list(RED), list(GREEN), list(BLUE)]


def test_parquet_names_without_images_do_not_matter(tmp_path):
    metadata = {"class_names": "unicorn,bag"}
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))], [1], metadata)
    assert load_real_images(path, CLASSES, 8).labels.tolist() == [1]


def test_several_parquet_files_are_read_in_order_each_with_its_own_names(tmp_path):
    write_parquet(tmp_path / "1.parquet", [png(plain(RED))], [0], {"class_names": "coat"})
    write_parquet(tmp_path / "2.parquet", [png(plain(BLUE))], [0], {"class_names": "bag"})
    found = load_real_images(tmp_path, CLASSES, 8)
    assert found.labels.tolist() == [2, 1]
    assert found.images[:, 0, 0].tolist() == [list(RED), list(BLUE)]


def test_the_shipped_test_set_holds_500_real_images_of_each_class():
    found = load_real_images(SHIPPED, FASHION_MNIST_CLASSES, 32)
    assert found.images.shape == (5000, 32, 32, 3)
    assert found.labels.bincount().tolist() == [500] * 10
    # The test split is known to open with these.
    assert [found.classes[i] for i in found.labels[:4]] == [
        "ankle boot",
        "pullover",
        "trouser",
        "trouser",
    ]


LABELS = [1, 0, 1]
TEXTS = ["dog", "cat", "dog"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array([text.encode() for text in TEXTS]),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS).dictionary_encode(),
        pa.DictionaryArray.from_arrays(LABELS, ["cat", "dog"]),
        pa.DictionaryArray.from_arrays([0, 2, 0], ["dog", "unused", "cat"]),
    ],
    ids=str,
)
def test_labels_are_texts_however_they_are_stored(tmp_path, column):
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))] * 3, column)
    found = load_images(path)
    assert (found.classes, found.labels.tolist()) == (("cat", "dog"), LABELS)


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.uint64()])
def test_whole_numbers_are_named_by_the_schema_or_else_by_themselves(tmp_path, kind):
    column = pa.array(LABELS, kind)
    path = write_parquet(
        tmp_path / "t.parquet", [png(plain(RED))] * 3, column, huggingface("b", "a")
    )
    found = load_images(path)
    assert (found.classes, found.labels.tolist()) == (("b", "a"), LABELS)
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))] * 3, column)
    found = load_images(path)
    assert (found.classes, found.labels.tolist()) == (("0", "1"), LABELS)
    with pytest.raises(InputError, match=r"numbers without names, .*--label-order"):
        load_images(path, classes=["cat", "dog"])
    found = load_images(path, classes=["cat", "dog"], reading=ReadSettings(label_order=True))
    assert found.labels.tolist() == LABELS


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[1], [0, 1], [1]]), "list<"),
        (pa.array([{"a": 1}] * 3), "struct<a: int64>"),
        (pa.array([1.0, 0.0, 1.0]), "double"),
    ],
)
def test_labels_of_another_kind_are_refused(tmp_path, column, kind):
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))] * 3, column)
    with pytest.raises(InputError, match=rf"the column 'label' of .* is {kind}.*--label-column"):
        load_images(path)


@pytest.mark.parametrize("label", [100_000, 2**63 - 1])
def test_a_number_that_no_label_can_be_is_refused(tmp_path, label):
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))], [label])
    with pytest.raises(InputError, match=f"go up to {label}; .* from 0 to 99999"):
        load_images(path)


def test_columns_of_other_names_are_read_when_named_as_datasets_reads_them(tmp_path, datasets):
    features = datasets.Features(
        img=datasets.Image(),
        fine=datasets.ClassLabel(names=["cat", "dog", "emu"]),
        coarse=datasets.ClassLabel(names=["bird", "mammal"]),
    )
    pictures = [Image.fromarray(plain(colour)) for colour in (RED, GREEN, BLUE)]
    theirs = datasets.Dataset.from_dict(
        {"img": pictures, "fine": [2, 0, 1], "coarse": [0, 1, 1]}, features=features
    )
    theirs.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="lacks the column 'image' and has img, fine, coarse"):
        load_images(tmp_path)
    for column, classes in (("fine", ("cat", "dog", "emu")), ("coarse", ("bird", "mammal"))):
        found = load_images(tmp_path, reading=ReadSettings(image_column="img", label_column=column))
        assert (found.classes, found.labels.tolist()) == (classes, theirs[column])
        assert (found.images.numpy() == np.stack([np.asarray(one) for one in theirs["img"]])).all()


def test_a_folder_of_the_label_s_name_labels_all_rows_as_hive_does(tmp_path):
    for folder, colour in (("label=tabby%20cat", RED), ("label=dog", BLUE)):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"image": [png(plain(colour))]}), tmp_path / folder / "0.parquet")
    found = load_images(tmp_path)
    assert (found.classes, found.labels.tolist()) == (("dog", "tabby cat"), [0, 1])
    assert found.images[:, 0, 0].tolist() == [list(BLUE), list(RED)]


def test_splits_of_a_clone_are_chosen_as_datasets_does(tmp_path, datasets):
    for name, colours in (
        ("train-00000-of-00002", [RED]),
        ("train-00001-of-00002", [GREEN]),
        ("test-00000-of-00001", [BLUE, RED]),
    ):
        images = [{"bytes": png(plain(colour)), "path": None} for colour in colours]
        (tmp_path / "data").mkdir(exist_ok=True)
        write_parquet(
            tmp_path / "data" / f"{name}.parquet", images, [0] * len(images), huggingface("cat")
        )
    (tmp_path / "README.md").write_text("# Pets")
    with pytest.raises(InputError, match="holds the splits 'test', 'train'"):
        load_images(tmp_path)
    for split in ("train", "test"):
        found = load_images(tmp_path, reading=ReadSettings(split=split))
        theirs = datasets.load_dataset(str(tmp_path), split=split)
        expected = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in theirs]
        assert (found.images.numpy() == np.stack([np.asarray(one) for one in expected])).all()


def test_a_pointer_of_git_lfs_is_told(tmp_path):
    (tmp_path / "t.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(InputError, match=r"t\.parquet' is a pointer of Git LFS .* 'git lfs pull'"):
        load_images(tmp_path)


NO_BYTES = [None, {"bytes": None, "path": "a.png"}, {"bytes": None, "path": None}]


@pytest.mark.parametrize("missing", NO_BYTES)
@pytest.mark.parametrize("size", [None, 8])
def test_rows_without_image_bytes_are_unreadable_images(tmp_path, caplog, missing, size):
    good = {"bytes": png(plain(RED)), "path": "b.png"}
    path = write_parquet(tmp_path / "t.parquet", [missing, good], ["bag", "coat"])
    with pytest.raises(InputError, match=r"row 0 of '.*t\.parquet' holds no image bytes; 'image'"):
        load_images(path, size)
    found = load_images(path, size, reading=ReadSettings(skip_unreadable=True))
    assert (found.labels.tolist(), len(found.unreadable)) == ([1], 1)
    assert "left out 1 of 2 images" in caplog.text
    assert "row 0 of" in found.unreadable[0]


def test_rows_of_paths_alone_leave_no_image(tmp_path):
    path = write_parquet(tmp_path / "t.parquet", [{"path": "a.png"}, {"path": "b.png"}], ["a", "b"])
    with pytest.raises(InputError, match=r"holds no image that can be read"):
        load_images(path, reading=ReadSettings(skip_unreadable=True))
