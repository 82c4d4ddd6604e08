"""Files by a text: lists, braces, wildcards."""

import pytest

from zeroreal.base import InputError
from zeroreal.data.named import has_pattern, is_shard, named_files


def touched(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return [root / name for name in names]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{008..011}.tar", ["008.tar", "009.tar", "010.tar", "011.tar"]),
        ("{9..11}.tar", ["9.tar", "10.tar", "11.tar"]),
        ("{train,extra}/{0..1}.tar", ["train/0.tar", "train/1.tar", "extra/0.tar", "extra/1.tar"]),
        ("*.tar", ["a.tar", "b.tar"]),
        ("*/{b,a}-?.tar", ["x/b-1.tar", "y/b-0.tar", "x/a-0.tar"]),
        ("**/*.tar", ["0.tar", "x/deep/1.tar"]),
        ("[a].tar", ["[a].tar"]),
    ],
)
def test_a_pattern_names_files(tmp_path, pattern, names):
    files = touched(tmp_path, *names)
    touched(tmp_path, ".hidden.tar", "other.txt", "._a.tar")
    assert named_files(str(tmp_path / pattern)) == files


def test_two_colons_join_names_in_the_order_given(tmp_path):
    b, a, c = touched(tmp_path, "b.tar", "a.tar", "c.tar")
    assert named_files(f"{b}::{tmp_path}/{{a,c}}.tar") == [b, a, c]


def test_an_absent_file_of_several_is_named(tmp_path):
    touched(tmp_path, "0.tar")
    for source in (f"{tmp_path}/{{0..2}}.tar", f"{tmp_path}/0.tar::{tmp_path}/1.tar"):
        with pytest.raises(InputError, match=r"/1\.tar' of '.*' is no file; fetch it or correct"):
            named_files(source)


def test_what_names_nothing_has_no_files(tmp_path):
    for name in ("absent", "absent.tar", "*.tar"):
        assert named_files(str(tmp_path / name)) == []


def test_only_wildcards_are_patterns_that_nobody_spelt_out(tmp_path):
    (path,) = touched(tmp_path, "[a].tar")
    assert [has_pattern(text) for text in ("*.tar", "{a,b}.tar", "a::b", str(path))] == [
        True,
        False,
        False,
        False,
    ]


def test_shards_are_tar_files_compressed_or_not(tmp_path):
    names = ["a.tar", "a.TAR", "a.tar.gz", "a.tgz", "a.gz", "a.zip", "tar"]
    assert [is_shard(tmp_path / name) for name in names] == [True] * 4 + [False] * 3
