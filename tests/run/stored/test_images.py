"""Stored images as a source: read in parts, in order, whichever are wanted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.data.settings import ReadSettings
from zeroreal.generate import parse_classes
from zeroreal.run.stored import files, images
from zeroreal.run.stored.images import StoredImages

CPU = torch.device("cpu")
CLASSES = ("cat", "dog", "emu")


def noise(count):
    """Images of noise and their labels, in turn."""
    drawn = torch.randint(256, (count, 16, 16, 3), generator=torch.Generator().manual_seed(0))
    return drawn.to(torch.uint8), torch.arange(count) % 3


@pytest.fixture(scope="module")
def pixels():
    return noise(20)


@pytest.fixture(params=["shards", "parquet", "folders", "arrays"])
def dataset(request, pixels, write_dataset, tmp_path):
    return write_dataset(tmp_path / "data", request.param, *pixels, CLASSES)


def read(stored, done=()):
    """Samples, labels and images that come, in order."""
    batches = list(stored.generate(stored.plan, done))
    samples = [spec.index for batch in batches for spec in batch.specs]
    labels = torch.cat([batch.labels for batch in batches])
    return samples, labels, torch.cat([batch.images for batch in batches])


def test_images_come_in_the_dataset_s_own_order_as_they_are_loaded(dataset):
    loaded = load_images(dataset)
    samples, labels, found = read(StoredImages(dataset, CPU))
    assert samples == list(range(20))
    assert torch.equal(labels, loaded.labels)
    assert torch.equal(found, loaded.images)


def test_images_that_cannot_be_read_are_rejected_where_they_are_skipped(
    pixels, write_dataset, tmp_path, caplog
):
    dataset = write_dataset(tmp_path / "data", "folders", *pixels, CLASSES)
    broken = sorted(Path(dataset).rglob("*.png"))[:3]
    for path in broken[:2]:
        path.write_text("no picture")
    stored = StoredImages(dataset, CPU, reading=ReadSettings(skip_unreadable=True))
    samples, _, found = read(stored)
    assert samples == list(range(2, 20))
    assert [spec.index for spec in stored.rejected] == [0, 1]
    assert torch.equal(
        found[:1], load_images(dataset, reading=ReadSettings(skip_unreadable=True)).images[:1]
    )
    assert broken[1].name in caplog.text


def test_what_is_done_is_left_out(dataset, monkeypatch):
    monkeypatch.setattr(images, "_AT_ONCE", 4)
    stored = StoredImages(dataset, CPU)
    _, labels, whole = read(stored)
    wanted = [1, 2, 3, 9, 19]
    samples, again, found = read(stored, set(range(20)) - set(wanted))
    assert samples == wanted
    assert torch.equal(found, whole[wanted])
    assert torch.equal(again, labels[wanted])


def test_a_dataset_that_is_read_forward_is_opened_again_only_to_go_back(
    pixels, write_dataset, tmp_path, monkeypatch
):
    opened = []

    def open_images(source, reading):
        opened.append(source)
        return original(source, reading)

    original = files.open_images
    monkeypatch.setattr(files, "open_images", open_images)
    stored = StoredImages(write_dataset(tmp_path / "data", "shards", *pixels, CLASSES), CPU)
    plan = stored.plan
    for block in (plan[:7], plan[7:14], plan[14:]):
        list(stored.generate(block))
    assert len(opened) == 1
    (batch,) = stored.generate(plan[3:5])
    assert len(opened) == 2
    assert torch.equal(batch.images, pixels[0][3:5])


def test_a_few_images_are_decoded_at_once(pixels, write_dataset, tmp_path, monkeypatch):
    decoded = []

    def decode_all(pictures, count, size, *more):
        decoded.append(count)
        return original(pictures, count, size, *more)

    original = files.decode_all
    monkeypatch.setattr(files, "decode_all", decode_all)
    monkeypatch.setattr(images, "_AT_ONCE", 4)
    stored = StoredImages(write_dataset(tmp_path / "data", "shards", *pixels, CLASSES), CPU)
    for number, batch in enumerate(stored.generate(stored.plan)):
        assert len(batch.specs) == 4
        assert decoded == [4] * (number + 1)  # none ahead of what was asked for


def test_seconds_of_reading_are_counted(dataset):
    stored = StoredImages(dataset, CPU)
    assert stored.seconds.totals == {"read": 0}
    read(stored)
    assert stored.seconds.totals["read"] > 0


def test_the_size_is_that_of_the_first_image_unless_one_is_given(dataset):
    assert StoredImages(dataset, CPU).image_size == 16
    small = StoredImages(dataset, CPU, image_size=8)
    assert torch.equal(read(small)[2], load_images(dataset, size=8).images)


@pytest.mark.parametrize("form", ["folders", "arrays"])
def test_sorted_folders_and_arrays_are_read_in_turn(write_dataset, form, tmp_path):
    drawn, labels = noise(60)
    by_class = labels.argsort(stable=True)
    what = (drawn[by_class], labels[by_class], CLASSES)
    stored = StoredImages(write_dataset(tmp_path / "data", form, *what), CPU)
    assert stored.mix(block=5)
    _, found_labels, found = read(stored)
    assert torch.equal(found, drawn)  # which took turns before they were sorted
    assert torch.equal(found_labels, labels)


def test_sorted_shards_are_not_read_in_turn(write_dataset, tmp_path):
    drawn, labels = noise(60)
    source = write_dataset(tmp_path / "data", "shards", drawn, labels.sort().values, CLASSES)
    stored = StoredImages(source, CPU)
    assert not stored.mix(block=5)
    assert torch.equal(read(stored)[2], drawn)


def test_classes_are_matched_as_for_loading(dataset):
    chosen = parse_classes(["Emu", "DOG: hound", "cat", "fox"])
    stored = StoredImages(dataset, CPU, classes=chosen)
    names = [item.name for item in chosen]
    assert torch.equal(read(stored)[1], load_images(dataset, classes=names).labels)
    with pytest.raises(InputError, match="has classes that the classifier does not have: 'emu'"):
        StoredImages(dataset, CPU, classes=parse_classes(["cat", "dog"]))


def test_garments_of_the_embedded_model_have_its_prompts(pixels, write_dataset, tmp_path):
    names = ("t-shirt", "bag", "steel_helmet")
    source = write_dataset(tmp_path / "data", "shards", *pixels, names)
    prompts = [item.prompt for item in StoredImages(source, CPU).classes]
    assert prompts == ["t-shirt/top", "bag", "steel helmet"]


def test_the_identity_is_of_what_is_read(dataset):
    before = StoredImages(dataset, CPU).identity
    assert before["images"] == 20
    (Path(dataset) / "README.md").write_text("a card")
    (Path(dataset) / "grid.png").write_bytes(b"no image of the dataset's")
    assert StoredImages(dataset, CPU).identity == before


@pytest.mark.parametrize("form", ["shards", "parquet", "folders"])  # arrays have one size
def test_another_label_size_or_class_is_another_dataset(pixels, write_dataset, form, tmp_path):
    drawn, labels = pixels
    swapped = labels.clone()
    swapped[[0, 1]] = labels[[1, 0]]
    wide = torch.randint(256, (64, 64, 3), dtype=torch.uint8)  # also fills more of a tar file
    variants = {
        "same": (drawn, labels, CLASSES),
        "labels": (drawn, swapped, CLASSES),
        "pixels": ([wide, *drawn[1:]], labels, CLASSES),
        "fewer": (drawn[:-1], labels[:-1], CLASSES),
        "names": (drawn, labels, ("cat", "dog", "elk")),
    }
    found = {
        name: StoredImages(write_dataset(tmp_path / name, form, *what), CPU).identity
        for name, what in variants.items()
    }
    again = write_dataset(tmp_path / "again", form, drawn, labels, CLASSES)
    assert StoredImages(again, CPU).identity == found["same"]
    for name in ("labels", "pixels", "fewer", "names"):
        assert found[name] != found["same"], name


def test_an_image_that_cannot_be_read_is_named(pixels, write_dataset, tmp_path):
    source = write_dataset(tmp_path / "data", "folders", *pixels, CLASSES)
    (Path(source) / "dog" / "00010.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"cannot read image '.*dog/00010.png'"):
        read(StoredImages(source, CPU))


def test_a_dataset_that_shrinks_while_it_is_read_is_told(pixels, write_dataset, tmp_path):
    source = write_dataset(tmp_path / "data", "shards", *pixels, CLASSES)
    stored = StoredImages(source, CPU)
    read(stored)
    (Path(source) / "00001.tar").unlink()
    with pytest.raises(InputError, match="ends before image 10"):
        read(stored)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.mkdir(), "has no sub-folders; it needs one per class"),
        (lambda folder: (folder / "cat").mkdir(parents=True), "holds no images"),
    ],
)
def test_no_dataset_is_told(tmp_path, make, complaint):
    make(tmp_path / "data")
    with pytest.raises(InputError, match=complaint):
        StoredImages(str(tmp_path / "data"), CPU)


def test_one_class_alone_is_told(pixels, write_dataset, tmp_path):
    labels = np.ones(20, int)
    source = write_dataset(tmp_path / "data", "folders", pixels[0], labels, CLASSES)
    with pytest.raises(InputError, match="20 images of the class 'dog': images of at least 2"):
        StoredImages(source, CPU)
