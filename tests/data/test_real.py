"""Loading of real test images: every source, the matching of names, and each bad input."""

import gzip
import io
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.decode import read_image
from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES, load_fashion_mnist
from zeroreal.data.real import load_real_images

SHIPPED = Path(__file__).parents[2] / "assets" / "fashion-mnist-test" / "test.parquet"
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


def test_a_folder_gives_its_images_in_order_of_class_and_file(folder):
    found = load_real_images(folder, CLASSES, 8)
    assert found.images.dtype == torch.uint8
    assert found.images[:, 4, 4].tolist() == [list(GREEN), list(RED), list(BLUE)]
    assert found.labels.tolist() == [0, 0, 1]
    assert found.labels.dtype == torch.int64
    assert (found.classes, found.source, found.resized) == (CLASSES, str(folder), 0)


@pytest.mark.parametrize("name", ["ANKLE-BOOT", "ankle  boot", "Ankle_boot", "ankle/boot"])
def test_class_names_match_whatever_their_case_and_separators(tmp_path, name):
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))], [name])
    assert load_real_images(path, CLASSES, 8).labels.tolist() == [0]


def test_an_alias_names_a_class(tmp_path):
    path = write_parquet(tmp_path / "t.parquet", [png(plain(RED))], ["T - shirt / top"])
    aliases = {"t-shirt/top": "t-shirt"}
    assert load_real_images(path, ["bag", "t-shirt"], 8, aliases).labels.tolist() == [1]


def test_classes_that_the_classifier_lacks_are_named_with_those_it_has(folder):
    with pytest.raises(InputError, match=r"does not have: 'bag'; it has 'ankle boot', 'coat'"):
        load_real_images(folder, ["ankle boot", "coat"], 8)


@pytest.mark.parametrize("twin", ["Bag", "bag"])
def test_classes_that_differ_at_most_in_case_cannot_be_told_apart(folder, twin):
    with pytest.raises(InputError, match=f"classes 'bag' and '{twin}' .* rename one"):
        load_real_images(folder, ["ankle boot", "bag", twin], 8)


def test_a_class_keeps_its_own_name_against_an_alias(folder):
    found = load_real_images(folder, CLASSES, 8, {"bag": "coat"})
    assert found.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize(("height", "width"), [(28, 28), (64, 64), (100, 100)])
def test_square_images_are_resized_by_anti_aliased_bilinear_interpolation(tmp_path, height, width):
    pixels = noise(height, width)
    (tmp_path / "x.png").write_bytes(png(pixels))
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    expected = F.interpolate(planes, (32, 32), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    difference = read_image(tmp_path / "x.png", 32).float() - expected
    assert difference.abs().max() <= 1.01  # two roundings, one after each direction


def test_wide_images_lose_both_ends(tmp_path):
    pixels = np.concatenate([plain(RED, 16), plain(GREEN, 16), plain(BLUE, 16)], axis=1)
    (tmp_path / "x.png").write_bytes(png(pixels))
    assert (read_image(tmp_path / "x.png", 16).numpy() == GREEN).all()


def test_resized_images_are_counted(tmp_path):
    images = [png(plain(RED, size)) for size in (8, 9, 30)]
    found = load_real_images(write_parquet(tmp_path / "t.parquet", images, ["bag"] * 3), CLASSES, 8)
    assert found.resized == 2
    assert found.images.shape == (3, 8, 8, 3)


def save_grey(path):
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(path)


def save_grey_of_16_bits(path):
    Image.fromarray(np.full((4, 4), 200 * 257, np.uint16)).save(path)


def save_palette(path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 200, 200])
    picture.save(path)


def save_clear_over_white(path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 3] = 55  # black at 55/255 over white: 200
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    "save", [save_grey, save_grey_of_16_bits, save_palette, save_clear_over_white]
)
def test_every_kind_of_pixel_becomes_rgb(tmp_path, save):
    save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", 4).unique().tolist() == [200]


def test_orientation_tags_are_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    pixels = np.concatenate([plain(RED, 8)[:4], plain(BLUE, 8)[:4]])
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    image = read_image(tmp_path / "x.png", 8)
    assert (image[0, 0].tolist(), image[7, 0].tolist()) == (list(BLUE), list(RED))


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


@pytest.mark.parametrize("place", ["", "raw", "FashionMNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read_raw_and_gzipped(tmp_path, place, suffix):
    images = write_fashion_mnist(tmp_path / place, suffix)
    found = load_real_images(tmp_path, FASHION_MNIST_CLASSES, 28)
    assert (found.images.numpy() == images[..., None]).all()
    assert [found.classes[i] for i in found.labels] == ["ankle boot", "t-shirt", "bag"]


def test_fashion_mnist_by_name_is_looked_for_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_fashion_mnist(tmp_path / ".cache" / "zeroreal" / "FashionMNIST" / "raw")
    found = load_real_images("fashion-mnist", FASHION_MNIST_CLASSES, 28)
    assert found.labels.tolist() == [9, 0, 8]


def test_a_failed_download_names_the_way_out(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("Error downloading t10k-images-idx3-ubyte.gz")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fail)
    with pytest.raises(InputError, match=r"cannot download Fashion-MNIST.*local folder"):
        load_real_images("fashion-mnist", FASHION_MNIST_CLASSES, 28)


def test_test_images_of_another_size_are_no_warning(folder, caplog):
    assert load_real_images(folder, CLASSES, 4).resized == 3
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


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
        (unknown_column, r"lacks the column 'image'.*this has img, label"),
        (labels_without_names, r"numbers without names"),
        (label_too_large, r"has label 2, outside the 2 class names"),
        (label_below_zero, r"has label -1, outside"),
        (label_absent, r"images without a label"),
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


def test_an_image_to_predict_must_exist(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "absent.png", 8)
