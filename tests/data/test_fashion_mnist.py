"""Fashion-MNIST as its authors' files."""

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES, load_fashion_mnist
from zeroreal.data.real import load_real_images

SHIPPED = Path(__file__).parents[2] / "assets" / "fashion-mnist-test" / "test.parquet"


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def noise(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return pixels.astype(np.uint8)


def plain(colour, size=8):
    return np.full((size, size, 3), colour, np.uint8)


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


@pytest.mark.parametrize("place", ["", "raw", "FashionMNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read_raw_and_gzipped(tmp_path, place, suffix):
    images = write_fashion_mnist(tmp_path / place, suffix)
    found = load_real_images(tmp_path, FASHION_MNIST_CLASSES, 28)
    assert (found.images.numpy() == images[..., None]).all()
    assert [found.classes[i] for i in found.labels] == ["ankle boot", "t-shirt", "bag"]


def test_fashion_mnist_by_name_is_looked_for_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROREAL_CACHE", str(tmp_path / ".cache" / "zeroreal"))
    write_fashion_mnist(tmp_path / ".cache" / "zeroreal" / "FashionMNIST" / "raw")
    found = load_real_images("fashion-mnist", FASHION_MNIST_CLASSES, 28)
    assert found.labels.tolist() == [9, 0, 8]


def test_a_failed_download_names_the_way_out(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("Error downloading t10k-images-idx3-ubyte.gz")

    monkeypatch.setenv("ZEROREAL_CACHE", str(tmp_path / ".cache" / "zeroreal"))
    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fail)
    with pytest.raises(InputError, match=r"cannot download Fashion-MNIST.*local folder"):
        load_real_images("fashion-mnist", FASHION_MNIST_CLASSES, 28)


def test_the_shipped_test_set_equals_the_official_files():
    source = Path("/usr/share/datasets/fashion-mnist")
    if not source.exists():
        pytest.skip("the Debian package dataset-fashion-mnist is not installed")
    images, labels = load_fashion_mnist(source, "test")
    table = pq.read_table(SHIPPED).to_pylist()
    indices = [int(row["image"]["path"].removesuffix(".png")) for row in table]
    assert labels[indices].tolist() == [row["label"] for row in table]
    for row, index in list(zip(table, indices, strict=True))[::50]:
        pixels = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert (np.asarray(pixels) == images[index].numpy()).all()
