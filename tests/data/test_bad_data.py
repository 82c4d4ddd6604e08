"""Real images that cannot be used: one clear sentence each."""

import gzip
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES
from zeroreal.data.real import load_real_images

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


CLASSES = ("ankle boot", "bag", "coat")


def noise(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return pixels.astype(np.uint8)


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


def write_idx(path, array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion_mnist(folder, suffix="", labels=(9, 0, 8)):
    folder.mkdir(parents=True, exist_ok=True)
    images = np.stack([noise(28, 28, seed)[..., 0] for seed in range(len(labels))])
    write_idx(folder / f"t10k-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"t10k-labels-idx1-ubyte{suffix}", np.array(labels))
    return images


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "real"
    for name, file, colour in (
        ("Ankle_Boot", "b.png", RED),
        ("Ankle_Boot", "a.bmp", GREEN),
        ("bag", "deeper/one.webp", BLUE),
    ):
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plain(colour)).save(path, lossless=True)
    (root / "bag" / "notes.txt").write_text("not an image")
    (root / "bag" / "._one.png").write_text("left by a Mac")
    (root / "unused and empty").mkdir()
    return root


def truncated_image(root):
    (root / "bag").mkdir()
    (root / "bag" / "cut.png").write_bytes(png(noise(32, 32))[:700])
    return root


def no_image(root):
    (root / "bag").mkdir()
    (root / "bag" / "text.jpg").write_text("hello")
    return root


def no_sub_folders(root):
    (root / "x.png").write_bytes(png(plain(RED)))
    return root


def only_empty_sub_folders(root):
    (root / "bag").mkdir()
    return root


def unknown_column(root):
    pq.write_table(pa.table({"img": [b""], "label": [0]}), root / "t.parquet")
    return root


def labels_without_names(root):
    return write_parquet(root / "t.parquet", [png(plain(RED))], [0])


def label_too_large(root):
    return write_parquet(root / "t.parquet", [png(plain(RED))], [2], {"class_names": "bag,coat"})


def label_below_zero(root):
    return write_parquet(root / "t.parquet", [png(plain(RED))], [-1], {"class_names": "bag,coat"})


def label_absent(root):
    return write_parquet(root / "t.parquet", [png(plain(RED))] * 2, ["bag", None])


def label_empty(root):
    return write_parquet(root / "t.parquet", [png(plain(RED))] * 2, ["bag", ""])


def path_without_bytes(root):
    return write_parquet(root / "t.parquet", [{"bytes": None, "path": "x.png"}], ["bag"])


def no_parquet(root):
    (root / "t.parquet").write_bytes(b"PAR1 but nothing else PAR1")
    return root / "t.parquet"


def damaged_row(root):
    return write_parquet(root / "t.parquet", [png(plain(RED)), b"junk"], ["bag", "bag"])


def idx_too_short(root):
    write_fashion_mnist(root)
    path = root / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    return root


def idx_gzip_cut(root):
    write_fashion_mnist(root, ".gz")
    path = root / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    return root


def idx_of_two_lengths(root):
    write_fashion_mnist(root)
    write_idx(root / "t10k-labels-idx1-ubyte", np.array([1, 2]))
    return root


def idx_label_too_large(root):
    write_fashion_mnist(root, labels=(3, 10))
    return root


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "absent", r"absent' does not exist; give a folder"),
        (lambda root: root, r"has no sub-folders; it needs one per class"),
        (no_sub_folders, r"has no sub-folders"),
        (only_empty_sub_folders, r"holds no images"),
        (truncated_image, r"cannot read image '.*bag/cut\.png' \(.*trunc.*\)"),
        (no_image, r"cannot read image '.*text\.jpg' \(no known image format\)"),
        (unknown_column, r"lacks the column 'image' and has img, label: .*--image-column"),
        (labels_without_names, r"numbers without names"),
        (label_too_large, r"has label 2, outside the 2 class names"),
        (label_below_zero, r"has label -1, outside"),
        (label_absent, r"images without a label"),
        (label_empty, r"images with an empty label"),
        (path_without_bytes, r"row 0 of .* holds no image bytes"),
        (no_parquet, r"cannot read '.*t\.parquet' as Parquet"),
        (damaged_row, r"cannot read image '.*t\.parquet, row 1'"),
        (idx_too_short, r"t10k-images-idx3-ubyte' is not a whole IDX file"),
        (idx_gzip_cut, r"cannot read '.*t10k-images-idx3-ubyte\.gz'"),
        (idx_of_two_lengths, r"shape \(3, 28, 28\).*\(2,\)"),
        (idx_label_too_large, r"image 1 of .* has label 10, outside the 10 class names"),
    ],
)
def test_bad_data_is_one_clear_sentence(tmp_path, make, message):
    with pytest.raises(InputError, match=message) as caught:
        load_real_images(make(tmp_path), CLASSES + FASHION_MNIST_CLASSES[:1], 8)
    assert "\n" not in str(caught.value)
