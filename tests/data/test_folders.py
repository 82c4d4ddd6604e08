"""Folders of classes as people have them: what counts, what is ignored, splits."""

import os

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from zeroreal.base import InputError
from zeroreal.data.settings import ReadSettings
from zeroreal.data.source import load_images, load_unlabelled


def add(root, *names):
    """Images of a colour each, and empty files of other suffixes."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.fromarray(np.full((4, 4, 3), number + 1, np.uint8)).save(root / name)
        else:
            (root / name).touch()
    return root


def values(found):
    return found.images[:, 0, 0, 0].tolist()


def named(found):
    return [found.classes[label] for label in found.labels]


def test_what_systems_and_tools_leave_behind_is_ignored_and_told_once(tmp_path, caplog):
    add(
        tmp_path,
        "cat/0.png",
        "cat/deep/1.png",
        "dog/2.png",
        "cat/.ipynb_checkpoints/0-checkpoint.png",
        "cat/@eaDir/0.png",
        "cat/._0.png",
        "__MACOSX/cat/0.png",
        "cat/notes.txt",
        "photos.zip",
        "labels.csv",
        "stray.png",
        ".git/x.png",
    )
    (tmp_path / "empty").mkdir()
    os.symlink(tmp_path / "gone.png", tmp_path / "cat" / "broken.png")
    found = load_images(tmp_path)
    assert (named(found), values(found)) == (["cat", "cat", "dog"], [1, 2, 3])
    assert caplog.messages == [
        f"ignored in {tmp_path}: broken links or no files: 1, files that are no images "
        "(.csv, .txt, .zip): 3, folders without images (empty): 1, hidden or left by a system: 5, "
        "images in no sub-folder: 1"
    ]


def test_a_tidy_folder_is_no_word(tmp_path, caplog):
    load_images(add(tmp_path, "cat/0.png", "dog/1.png"))
    assert not caplog.messages


def test_links_to_folders_are_followed_as_torchvision_does(tmp_path):
    root = add(tmp_path / "data", "cat/0.png", "cat/1.png", "dog/2.png")
    other = add(tmp_path / "elsewhere", "a.png", "deep/b.png")
    os.symlink(other, root / "cat" / "part1")
    os.symlink(root / "dog", root / "hound")
    found, theirs = load_images(root), ImageFolder(root)
    assert found.classes == tuple(theirs.classes)
    assert found.labels.tolist() == theirs.targets == [0, 0, 0, 0, 1, 2]


def test_links_in_a_circle_end(tmp_path, caplog):
    root = add(tmp_path / "data", "cat/0.png", "dog/1.png")
    os.symlink(root, root / "cat" / "up")
    os.symlink(root / "dog", root / "dog" / "self")
    os.symlink("loop", root / "cat" / "loop")
    found = load_images(root)
    assert named(found) == ["cat", "dog"]
    assert "broken links or no files: 1, linking to a folder around it: 2" in caplog.text


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "val"), ("split=train", "dev")])
def test_splits_of_folders_are_chosen_never_merged(tmp_path, names):
    first, second = names
    add(tmp_path, f"{first}/cat/0.png", f"{first}/dog/1.png", f"{second}/cat/2.png", "readme.md")
    with pytest.raises(InputError, match=r"holds the splits .*'train'.* choose one \(--split\)"):
        load_images(tmp_path)
    found = load_images(tmp_path, reading=ReadSettings(split="train"))
    assert (named(found), values(found)) == (["cat", "dog"], [1, 2])
    found = load_images(tmp_path, reading=ReadSettings(split=second))
    assert (named(found), values(found)) == (["cat"], [3])
    with pytest.raises(InputError, match="split 'extra' is not in"):
        load_images(tmp_path, reading=ReadSettings(split="extra"))


def test_splits_without_classes_are_no_classes(tmp_path):
    add(tmp_path, "train/0.png", "test/1.png")
    with pytest.raises(InputError, match="holds the splits 'test', 'train'"):
        load_images(tmp_path)


def test_the_only_split_is_read(tmp_path):
    found = load_images(add(tmp_path, "train/cat/0.png", "train/dog/1.png"))
    assert named(found) == ["cat", "dog"]


@pytest.mark.parametrize(
    "names",
    [
        ("bus/0.png", "train/1.png"),
        ("bus/0.png", "train/steam/1.png"),
        ("express train/0.png", "steam train/1.png"),
        ("train/0.png",),
    ],
)
def test_a_class_may_be_called_as_a_split(tmp_path, names):
    found = load_images(add(tmp_path, *names))
    assert named(found) == [name.split("/")[0] for name in names]


def test_splits_beside_classes_are_refused(tmp_path):
    add(tmp_path, "train/cat/0.png", "test/cat/1.png", "cat/2.png")
    with pytest.raises(InputError, match="'test' and 'train' beside other folders of images"):
        load_images(tmp_path)


def test_a_split_of_a_folder_that_has_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"split 'test' was asked for, but .* has no folders of"):
        load_images(add(tmp_path, "cat/0.png", "dog/1.png"), reading=ReadSettings(split="test"))


def test_an_archive_beside_class_folders_is_no_source(tmp_path, caplog):
    found = load_images(add(tmp_path, "cat/0.png", "dog/1.png", "photos.tar", "photos.tar.gz"))
    assert named(found) == ["cat", "dog"]
    assert "files that are no images (.gz, .tar): 2" in caplog.text


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    add(tmp_path, "train/data.arrow", "train/state.json", "photos.zip")
    with pytest.raises(
        InputError, match=r"no images in its sub-folders \(it holds files .*arrow.*: 3\)"
    ):
        load_images(tmp_path)


def test_unlabelled_images_may_lie_beside_folders_but_not_in_splits(tmp_path):
    assert len(load_unlabelled(add(tmp_path / "a", "0.png", "more/1.png", ".x/2.png"), 4)) == 2
    assert len(load_unlabelled(add(tmp_path / "b", "2023/0.png", "2024/1.png"), 4)) == 2
    with pytest.raises(InputError, match="holds the splits"):
        load_unlabelled(add(tmp_path / "c", "train/x/0.png", "test/x/1.png"), 4)
