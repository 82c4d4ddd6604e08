"""Images to train on: the same from every kind of source, their size, classes and bad input."""

import io
import json
import struct
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES
from zeroreal.data.settings import ReadSettings
from zeroreal.data.source import load_images

# In this order in every source, so that a folder's order by class and file is the others' too.
LABELS = ["ankle boot", "ankle boot", "bag", "coat", "coat"]
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def noise(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def write_folder(root, images, labels):
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{i}.png").write_bytes(png(image))
    return root


def write_parquet(path, images, labels, metadata=None):
    table = pa.table({"image": [png(image) for image in images], "label": labels})
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def write_shard(path, images, labels, first=0):
    with tarfile.open(path, "w") as tar:
        for i, (image, label) in enumerate(zip(images, labels, strict=True), first):
            for suffix, content in (("png", png(image)), ("cls", str(label).encode())):
                entry = tarfile.TarInfo(f"{i:04}.{suffix}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return path


def in_a_folder(root):
    return write_folder(root / "images", PIXELS, LABELS)


def in_parquet(root):
    return write_parquet(root / "t.parquet", PIXELS, LABELS)


def in_two_parquet_files(root):
    write_parquet(root / "1.parquet", PIXELS[:3], LABELS[:3])
    write_parquet(root / "2.parquet", PIXELS[3:], LABELS[3:])
    return root


def in_a_shard(root):
    return write_shard(root / "t.tar", PIXELS, LABELS)


def in_two_shards(root):
    write_shard(root / "0.tar", PIXELS[:3], LABELS[:3])
    write_shard(root / "1.tar", PIXELS[3:], LABELS[3:], 3)
    return root


def in_a_pattern_of_shards(root):
    return str(in_two_shards(root)) + "/{0..1}.tar"


@pytest.mark.parametrize(
    "write",
    [
        in_a_folder,
        in_parquet,
        in_two_parquet_files,
        in_a_shard,
        in_two_shards,
        in_a_pattern_of_shards,
    ],
)
def test_every_kind_of_source_gives_the_same_images_and_labels(tmp_path, write):
    source = write(tmp_path)
    found = load_images(source)
    assert (found.images.numpy() == PIXELS).all()
    assert found.labels.tolist() == [0, 0, 1, 2, 2]
    assert found.classes == ("ankle boot", "bag", "coat")
    assert (found.source, found.resized) == (str(source), 0)


def test_a_shard_counts_before_the_parquet_file_of_metadata_beside_it(tmp_path):
    in_two_shards(tmp_path)
    pq.write_table(pa.table({"key": ["0000"], "caption": ["a boot"]}), tmp_path / "0.parquet")
    assert (load_images(tmp_path).images.numpy() == PIXELS).all()


def test_classes_of_a_source_may_differ_in_case_and_punctuation_alone(tmp_path):
    found = load_images(write_folder(tmp_path, PIXELS[:3], ["a_bag", "a bag", "A bag"]))
    assert found.classes == ("A bag", "a bag", "a_bag")
    assert found.labels.tolist() == [0, 1, 2]


def test_classes_give_the_labels_their_order(tmp_path):
    found = load_images(in_a_shard(tmp_path), classes=["coat", "hat", "Bag", "ankle-boot"])
    assert found.labels.tolist() == [3, 3, 2, 0, 0]
    assert found.classes == ("coat", "hat", "Bag", "ankle-boot")


def test_classes_that_a_schema_names_keep_its_order(tmp_path):
    path = write_parquet(
        tmp_path / "t.parquet", PIXELS[:2], [2, 0], {"class_names": "coat,hat,bag"}
    )
    found = load_images(path)
    assert (found.classes, found.labels.tolist()) == (("coat", "hat", "bag"), [2, 0])


def test_parquet_files_with_classes_of_their_own_share_one_order(tmp_path):
    write_parquet(tmp_path / "1.parquet", PIXELS[:2], ["hat", "coat"])
    write_parquet(tmp_path / "2.parquet", PIXELS[2:4], ["bag", "coat"])
    found = load_images(tmp_path)
    assert (found.classes, found.labels.tolist()) == (("bag", "coat", "hat"), [2, 1, 0, 1])


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_folder, "images"), (write_parquet, "t.parquet"), (write_shard, "t.tar")],
)
def test_without_a_size_the_first_image_gives_it_and_the_rest_are_resized_with_one_warning(
    tmp_path, caplog, write, name
):
    images = [noise(10, 14), noise(10, 10), noise(30, 20), noise(8, 8)]
    found = load_images(write(tmp_path / name, images, ["bag"] * 4))
    assert found.images.shape == (4, 10, 10, 3)
    assert (found.images[0].numpy() == images[0][:, 2:12]).all()
    assert found.resized == 3
    assert caplog.messages == ["resized 3 of 4 images to 10 pixels a side"]


def test_an_index_gives_class_folders_their_order_and_classes_without_images(tmp_path):
    in_a_folder(tmp_path)
    info = {"classes": ["coat", "hat", "bag", "ankle boot"]}
    (tmp_path / "images" / "_info.json").write_text(json.dumps(info))
    found = load_images(tmp_path / "images")
    assert found.classes == ("coat", "hat", "bag", "ankle boot")
    assert found.labels.tolist() == [0, 0, 2, 3, 3]


def test_a_folder_of_images_that_the_index_does_not_name_is_refused(tmp_path):
    in_a_folder(tmp_path)
    (tmp_path / "images" / "_info.json").write_text('{"classes": ["coat", "bag"]}')
    with pytest.raises(InputError, match=r"'ankle boot' is not among the classes in '_info\.json'"):
        load_images(tmp_path / "images")


def test_metadata_in_parquet_beside_class_folders_is_no_source_of_images(tmp_path):
    in_a_folder(tmp_path)
    pq.write_table(pa.table({"file_name": ["bag/0.png"]}), tmp_path / "images" / "0.parquet")
    assert len(load_images(tmp_path / "images").images) == 5


def test_unreadable_images_are_left_out_with_their_labels_when_asked(tmp_path, caplog):
    in_a_folder(tmp_path)
    (tmp_path / "images" / "ankle boot" / "0.png").write_text("no picture")
    found = load_images(tmp_path / "images", reading=ReadSettings(skip_unreadable=True))
    assert (found.images.numpy() == PIXELS[1:]).all()
    assert found.labels.tolist() == [0, 1, 2, 2]
    (message,) = caplog.messages
    assert message.startswith("left out 1 of 5 images of ")
    assert found.unreadable[0] in message


def test_a_source_of_which_no_image_can_be_read_is_refused(tmp_path):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "0.png").write_text("no picture")
    for size in (None, 8):
        with pytest.raises(InputError, match="holds no image that can be read"):
            load_images(tmp_path, size, reading=ReadSettings(skip_unreadable=True))


def test_splits_of_shards_are_chosen_and_never_merged_unless_named(tmp_path):
    for name, part in (
        ("a-train-0", slice(0, 2)),
        ("sub/a-train-1", slice(2, 3)),
        ("a-val-0", slice(3, 5)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_shard(tmp_path / f"{name}.tar", PIXELS[part], LABELS[part])
    for source in (tmp_path, f"{tmp_path}/*.tar"):
        with pytest.raises(InputError, match="holds the splits 'train', 'validation'"):
            load_images(source)
    found = load_images(tmp_path, reading=ReadSettings(split="train"))
    assert (found.images.numpy() == PIXELS[:3]).all()
    for source in (f"{tmp_path}/a-val-*.tar", f"{tmp_path}/a-val-0.tar"):
        assert (load_images(source).images.numpy() == PIXELS[3:]).all()
    both = f"{tmp_path}/a-val-0.tar::{tmp_path}/a-train-0.tar"
    assert (load_images(both).images.numpy() == PIXELS[[3, 4, 0, 1]]).all()


@pytest.mark.parametrize(
    ("name", "what"), [("x.png", "an image file"), ("x.tar", "of another kind")]
)
def test_files_that_are_not_tables_are_told(tmp_path, name, what):
    (tmp_path / name).write_bytes(png(PIXELS[0]))
    write_parquet(tmp_path / "a.parquet", PIXELS, LABELS)
    with pytest.raises(InputError, match=f"is {what}.*; name files of one kind"):
        load_images(f"{tmp_path}/a.parquet::{tmp_path}/{name}")


def test_with_a_size_every_image_has_it(tmp_path):
    found = load_images(in_a_folder(tmp_path), size=4)
    assert (found.images.shape, found.resized) == ((5, 4, 4, 3), 5)


def write_fashion_mnist(root, stem):
    images = np.random.default_rng(2).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    for kind, array in (("images-idx3", images), ("labels-idx1", np.array([9, 0, 8], np.uint8))):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (root / f"{stem}-{kind}-ubyte").write_bytes(header + array.tobytes())
    return images


def test_of_fashion_mnist_the_training_split_is_taken(tmp_path):
    write_fashion_mnist(tmp_path, "t10k")
    with pytest.raises(InputError, match="has no sub-folders"):
        load_images(tmp_path)
    images = write_fashion_mnist(tmp_path, "train")
    found = load_images(tmp_path)
    assert (found.images.numpy() == images[..., None]).all()
    assert (found.classes, found.labels.tolist()) == (FASHION_MNIST_CLASSES, [9, 0, 8])


def damaged_first_image(root):
    (root / "bag").mkdir()
    (root / "bag" / "0.png").write_text("no picture")
    return root


def damaged_image_in_a_shard(root):
    with tarfile.open(write_shard(root / "t.tar", PIXELS, LABELS)) as tar:
        start = tar.getmember("0003.png").offset_data
    content = bytearray((root / "t.tar").read_bytes())
    content[start : start + 8] = bytes(8)
    (root / "t.tar").write_bytes(content)
    return root


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "absent.tar", r"absent\.tar' does not exist; give .*shards"),
        (lambda root: write_shard(root / "t.tar", [], []), r"t\.tar' holds no images"),
        (damaged_first_image, r"cannot read image '.*0\.png' \(no known image format\)"),
        (damaged_image_in_a_shard, r"cannot read image \"sample '0003' of '.*t\.tar'\""),
    ],
)
def test_a_bad_source_is_one_clear_sentence(tmp_path, make, message):
    with pytest.raises(InputError, match=message) as caught:
        load_images(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_classes_of_the_source_that_were_not_asked_for_are_named(tmp_path):
    with pytest.raises(InputError, match=r"does not have: 'coat'; it has 'bag', 'ankle boot'"):
        load_images(in_a_shard(tmp_path), classes=["bag", "ankle boot"])


def test_a_size_below_one_pixel_is_refused(tmp_path):
    with pytest.raises(InputError, match="image size 0 should be at least 1"):
        load_images(in_a_folder(tmp_path), size=0)
