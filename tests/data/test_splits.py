"""Splits: recognised as `datasets` does, never read together in silence."""

from pathlib import Path, PurePath

import pytest

from zeroreal.base import InputError
from zeroreal.data.splits import files_of_split, split_of_file, split_of_folder


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train-00000-of-00002.parquet", "train"),
        ("data/test-00000-of-00001-abc.parquet", "test"),
        ("data/unsupervised-00000-of-00001.parquet", "unsupervised"),
        ("imagenet-validation-0000.tar", "validation"),
        ("cifar10_val.parquet", "validation"),
        ("Training/0.tar", "train"),
        ("split=test/0.parquet", "test"),
        ("my.dev.tar", "validation"),
        ("train/eval_1.tar", "test"),
        ("test.npy", "test"),
        ("00000.tar", None),
        ("contest/latest-trainer.tar", None),
        ("shard-00000-of-00002.tar", None),
    ],
)
def test_a_file_is_of_the_split_that_its_path_names(path, split):
    assert split_of_file(PurePath(path)) == split


def test_a_clone_s_data_folder_has_the_splits_of_the_clone():
    assert split_of_file(PurePath("extra-00000-of-00001.parquet"), "data") == "extra"


WORDS = ["train", "training", "validation", "valid", "dev", "val", "test", "testing", "eval"]
WORDS += ["evaluation"]


def test_words_are_found_where_datasets_finds_them(datasets, tmp_path):
    names = [
        f"{before}{word}{after}"
        for word in WORDS
        for before, after in [
            ("", ".tar"),
            ("a-", "-0.tar"),
            ("a_", "1.tar"),
            ("x", ".tar"),
            ("x/", "/0.tar"),
        ]
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        found = datasets.data_files.get_data_patterns(str(tmp_path))
        patterns = datasets.data_files.DataFilesDict.from_patterns(found, str(tmp_path))
        theirs = [str(split) for split, files in patterns.items() if files]
        own = split_of_file(PurePath(name))
        assert theirs == [own or "train"], name  # what names none is of the split train, there
        (tmp_path / name).unlink()
    assert len(names) == 50


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("VAL", "validation"), ("split=test", "test"), ("steam train", None)],
)
def test_a_folder_is_a_split_only_where_its_whole_name_is(name, split):
    assert split_of_folder(name) == split


ROOT = Path("/test/train")  # the folder's own name says nothing about what in it is which
FILES = [ROOT / name for name in ("a-test.tar", "a-train-0.tar", "a-train-1.tar")]


def test_the_split_that_is_wanted_is_chosen():
    assert files_of_split(FILES, ROOT, "train", "here") == FILES[1:]
    assert files_of_split(FILES, ROOT, "testing", "here") == FILES[:1]


def test_one_split_or_none_needs_no_choice():
    assert files_of_split(FILES[1:], ROOT, None, "here") == FILES[1:]
    assert files_of_split([ROOT / "a.tar"], ROOT, None, "here") == [ROOT / "a.tar"]


@pytest.mark.parametrize(
    ("files", "wanted", "complaint"),
    [
        (
            FILES,
            None,
            "'here' holds the splits 'test', 'train', which are not read together: choose",
        ),
        ([*FILES[:1], ROOT / "a.tar"], None, "holds the split 'test' and files of none"),
        (FILES, "val", "split 'val' is not in 'here', which holds the splits 'test', 'train'"),
        ([ROOT / "a.tar"], "test", "split 'test' is not in 'here', which holds no splits: choose"),
    ],
)
def test_splits_are_not_merged_and_absent_ones_are_refused(files, wanted, complaint):
    with pytest.raises(InputError, match=complaint):
        files_of_split(files, ROOT, wanted, "here")
