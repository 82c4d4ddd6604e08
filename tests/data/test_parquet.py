"""Labelled images in parquet files."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES
from zeroreal.data.real import load_real_images

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
