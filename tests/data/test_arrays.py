"""Arrays as a source: the same images, other sizes, names, and bad input."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.data.source import load_images


@pytest.fixture
def folder(small_set, tmp_path):
    """A folder with the set in two arrays, and no class names."""
    for stem, part in (("a", slice(0, 4)), ("b", slice(4, 6))):
        np.save(tmp_path / f"{stem}.npy", small_set.pixels[part])
        np.save(tmp_path / f"{stem}.labels.npy", np.array(small_set.labels[part]))
    return tmp_path


def test_labels_without_names_name_themselves(small_set, folder):
    found = load_images(folder)
    assert (found.images.numpy() == small_set.pixels).all()
    assert (found.classes, found.labels.tolist()) == (("0", "1", "2"), small_set.labels)


def test_one_array_alone_is_a_source(small_set, folder):
    found = load_images(folder / "b.npy")
    assert (found.images.numpy() == small_set.pixels[4:]).all()


def test_class_names_beside_the_arrays_count(small_set, folder):
    (folder / "classes.txt").write_text("hat\nshoe\nbag\ncoat\n")
    found = load_images(folder, classes=["bag", "hat"])
    assert [found.classes[i] for i in found.labels] == ["hat", "bag", "hat", "bag", "bag", "hat"]


def test_other_sizes_are_resized_as_for_other_sources(folder):
    grey = np.full((2, 12, 16, 3), 99, np.uint8)
    np.save(folder / "c.npy", grey)
    np.save(folder / "c.labels.npy", np.array([1, 1]))
    found = load_images(folder, size=8)
    assert (found.images[6:] == 99).all()
    assert (tuple(found.images.shape), found.resized) == ((8, 8, 8, 3), 2)


def test_the_images_are_the_callers_to_change(folder):
    found = load_images(folder)
    found.images.zero_()
    assert load_images(folder).images.any()


def absent_images(folder):
    (folder / "a.npy").unlink()


def cut_short(folder):
    (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:-1])


def no_array(folder):
    (folder / "a.npy").write_text("hello")


def an_archive(folder):
    (folder / "a.labels.npy").write_bytes(b"PK\x03\x04" + bytes(40))


def fewer_than_none(folder):
    array = (folder / "a.npy").read_bytes()
    assert b"(4, 8, 8, 3)" in array
    (folder / "a.npy").write_bytes(array.replace(b"(4, 8, 8, 3)", b"(-4, 8, 8,3)"))


def floats(folder):
    np.save(folder / "a.npy", np.zeros((4, 8, 8, 3)))


def fewer_labels(folder):
    np.save(folder / "a.labels.npy", np.array([0, 1]))


def pickled(folder):
    np.save(folder / "a.labels.npy", np.array([{}] * 4))


def label_outside(folder):
    (folder / "classes.txt").write_text("hat\nshoe\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (absent_images, r"cannot read '.*a\.npy' as an array"),
        (cut_short, r"cannot read '.*a\.npy' as an array"),
        (no_array, r"cannot read '.*a\.npy' as an array"),
        (an_archive, r"cannot read '.*a\.labels\.npy' as an array"),
        (fewer_than_none, r"cannot read '.*a\.npy' as an array \(its header is damaged"),
        (floats, r"a\.npy' holds float64 of the shape \(4, 8, 8, 3\); images are uint8"),
        (fewer_labels, r"labels of '.*a\.npy' are int64 of the shape \(2,\)"),
        (pickled, r"cannot read '.*a\.labels\.npy' as an array"),
        (label_outside, r"image 1 of '.*a\.npy' has label 2, outside the 2 class names"),
    ],
)
def test_bad_arrays_are_one_clear_sentence(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_images(folder)
    assert "\n" not in str(caught.value)
