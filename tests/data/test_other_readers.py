"""What we write, read by the libraries that others use, and by our own loader."""

import io

import numpy as np
import pytest
from PIL import Image

from zeroreal.data.source import load_images


def decoded(file):
    return np.asarray(Image.open(io.BytesIO(file)))


def in_two_shards(small_set, shard_format, folder, image_format="png"):
    """Four samples in one shard and two in another."""
    small_set.write_shard(shard_format, folder, "00000", 0, 4, image_format)
    small_set.write_shard(shard_format, folder, "00001", 4, 6, image_format)
    small_set.write_info(folder, **{"00000": 4, "00001": 2})
    return folder


def in_class_folders(small_set, root, image_format="png"):
    """A finished dataset in folders: the classes together, the metadata apart."""
    pending = root / ".pending"
    small_set.write_shard("folder", pending, "00000", 0, 4, image_format)
    small_set.write_shard("folder", pending, "00001", 4, 6, image_format)
    (root / "metadata").mkdir()
    for stem in ("00000", "00001"):
        for file in (pending / stem).rglob(f"*.{image_format}"):
            place = root / "train" / file.parent.name / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            file.rename(place)
        (pending / f"{stem}.parquet").rename(root / "metadata" / f"{stem}.parquet")
    small_set.write_info(root, **{"00000": 4, "00001": 2})
    return root


def test_webdataset_reads_pixels_labels_and_metadata(small_set, tmp_path):
    import webdataset

    in_two_shards(small_set, "webdataset", tmp_path)
    shards = str(tmp_path / "{00000..00001}.tar")
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"{7 + i:09d}" for i in range(6)]
    assert (np.stack([sample["png"] for sample in samples]) == small_set.pixels).all()
    assert [sample["cls"] for sample in samples] == small_set.labels
    assert [sample["json"] for sample in samples] == small_set.rows
    assert [sample["txt"] for sample in samples] == [row["prompt"] for row in small_set.rows]


def test_datasets_reads_webdataset_shards(small_set, tmp_path, datasets):
    in_two_shards(small_set, "webdataset", tmp_path)
    files = [str(tmp_path / f"0000{i}.tar") for i in range(2)]
    found = datasets.load_dataset("webdataset", data_files=files, split="train")
    assert (np.stack([np.asarray(image) for image in found["png"]]) == small_set.pixels).all()
    assert list(found["cls"]) == small_set.labels
    assert [row["class"] for row in found["json"]] == [row["class"] for row in small_set.rows]


def test_datasets_reads_parquet_with_images_and_class_names(small_set, tmp_path, datasets):
    in_two_shards(small_set, "parquet", tmp_path)
    files = [str(tmp_path / f"0000{i}.parquet") for i in range(2)]
    found = datasets.load_dataset("parquet", data_files=files, split="train")
    assert isinstance(found.features["image"], datasets.Image)
    assert found.features["label"].names == list(small_set.classes)
    assert (np.stack([np.asarray(image) for image in found["image"]]) == small_set.pixels).all()
    assert list(found["label"]) == small_set.labels
    rest = found.remove_columns(["image"]).to_list()
    assert rest == small_set.rows


@pytest.mark.parametrize("image_format", ["jpg", "png", "webp"])
def test_timm_reads_webdataset_shards_by_their_index(small_set, tmp_path, image_format):
    from timm.data import create_dataset

    in_two_shards(small_set, "webdataset", tmp_path, image_format)
    found = create_dataset("wds/x", root=str(tmp_path), split="train")
    assert len(found) == 6
    images, labels = zip(*found, strict=True)
    assert list(labels) == small_set.labels
    for image, pixels in zip(images, small_set.pixels, strict=True):
        assert (np.asarray(image) == decoded(small_set.as_file(pixels, image_format))).all()


def test_torchvision_reads_class_folders(small_set, tmp_path):
    from torchvision.datasets import ImageFolder

    root = in_class_folders(small_set, tmp_path)
    found = ImageFolder(root / "train")
    assert found.classes == ["bag", "coat"]
    order = [1, 3, 4, 0, 2, 5]  # by class name, then by file
    assert [label for _, label in found] == [0, 0, 0, 1, 1, 1]
    pixels = np.stack([np.asarray(image) for image, _ in found])
    assert (pixels == small_set.pixels[order]).all()


def test_class_folders_are_what_fiftyone_documents(small_set, tmp_path):
    # https://docs.voxel51.com/user_guide/import_datasets.html, ImageClassificationDirectoryTree:
    # <dataset_dir>/<class>/<image>.<ext>, and nothing else in <dataset_dir>.
    root = in_class_folders(small_set, tmp_path) / "train"
    entries = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert entries == [
        "bag/000000008.png",
        "bag/000000010.png",
        "bag/000000011.png",
        "coat/000000007.png",
        "coat/000000009.png",
        "coat/000000012.png",
    ]


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy"])
def test_our_loader_reads_a_folder_of_shards(small_set, tmp_path, shard_format):
    in_two_shards(small_set, shard_format, tmp_path)
    (tmp_path / "README.md").write_text("card")
    (tmp_path / "dataset.yaml").write_text("version: 1")
    small_set.write_shard(shard_format, tmp_path / ".pending", "00002")
    found = load_images(tmp_path)
    assert (found.images.numpy() == small_set.pixels).all()
    assert (found.labels.tolist(), found.classes) == (small_set.labels, small_set.classes)
    assert found.resized == 0


@pytest.mark.parametrize("image_format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("shard_format", ["webdataset", "parquet"])
def test_our_loader_reads_every_image_format(small_set, tmp_path, shard_format, image_format):
    in_two_shards(small_set, shard_format, tmp_path, image_format)
    found = load_images(tmp_path)
    expected = [decoded(small_set.as_file(pixels, image_format)) for pixels in small_set.pixels]
    assert (found.images.numpy() == np.stack(expected)).all()


def test_our_loader_reads_class_folders_in_the_order_of_the_classes(small_set, tmp_path):
    found = load_images(in_class_folders(small_set, tmp_path))
    assert found.classes == small_set.classes
    assert found.labels.tolist() == [0, 0, 0, 2, 2, 2]
    assert (found.images.numpy() == small_set.pixels[[0, 2, 5, 1, 3, 4]]).all()


def test_metadata_beside_class_folders_is_not_taken_for_images(small_set, tmp_path):
    small_set.write_shard("folder", tmp_path, "train")
    small_set.write_info(tmp_path, train=6)
    found = load_images(tmp_path)
    assert (found.classes, len(found.images)) == (small_set.classes, 6)
