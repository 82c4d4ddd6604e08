"""Real test images from a folder, and the matching of class names."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.real import load_real_images

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
    aliases = [("t-shirt/top", "t-shirt")]
    assert load_real_images(path, ["bag", "t-shirt"], 8, aliases).labels.tolist() == [1]


def test_classes_that_the_classifier_lacks_are_named_with_those_it_has(folder):
    with pytest.raises(InputError, match=r"does not have: 'bag'; it has 'ankle boot', 'coat'"):
        load_real_images(folder, ["ankle boot", "coat"], 8)


def test_a_class_that_differs_at_most_in_case_is_another(folder):
    assert load_real_images(folder, [*CLASSES, "Bag"], 8).labels.tolist() == [0, 0, 1]


def test_a_class_keeps_its_own_name_against_an_alias(folder):
    found = load_real_images(folder, CLASSES, 8, [("bag", "coat")])
    assert found.labels.tolist() == [0, 0, 1]


def test_test_images_of_another_size_are_no_warning(folder, caplog):
    assert load_real_images(folder, CLASSES, 4).resized == 3
    assert not [record for record in caplog.records if "resized" in record.message]
