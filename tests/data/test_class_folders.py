"""Folders of classes: one for each, whatever they are called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroreal.base import InputError
from zeroreal.data.class_folders import folder_names
from zeroreal.data.class_names import info_class_folders


def test_a_name_that_can_be_a_folder_is_one():
    names = ["ankle boot", "t-shirt", "猫", "C++", "C#", "naïve?", "नी\u200d"]
    assert folder_names(names) == names


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["A", "a"], ["A", "a-2"]),
        (["a", "A", "a-2"], ["a", "A-3", "a-2"]),
        (["AC/DC", "AC_DC"], ["AC_DC-2", "AC_DC"]),
        ([".net", ".", ".."], ["_.net", "_.", "_.."]),
        (["__MACOSX", "Thumbs.db"], ["___MACOSX", "_Thumbs.db"]),
        (["caf\u00e9", "cafe\u0301"], ["caf\u00e9", "cafe\u0301-2"]),
        (["x" * 300, "x" * 301], ["x" * 200, "x" * 200 + "-2"]),
    ],
)
def test_another_is_made_safe_and_unique(names, folders):
    assert folder_names(names) == folders


@given(
    st.lists(
        st.text("aA./\\-2_é\u0301ß", min_size=1, max_size=4) | st.text(min_size=1, max_size=90),
        unique=True,
        max_size=9,
    )
)
def test_folders_are_unique_and_inside_whatever_the_names(names):
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return  # refused as class names
    folders = folder_names(names)
    alike = {
        unicodedata.normalize("NFC", unicodedata.normalize("NFC", f).casefold()) for f in folders
    }
    assert len(alike) == len(names)
    assert not any(f.startswith(".") or {"/", "\\", "\0"} & set(f) for f in folders)
    assert all(0 < len(f.encode()) <= 255 for f in folders)


def test_an_index_has_a_folder_for_each_class(tmp_path):
    index = tmp_path / "_info.json"
    index.write_text('{"classes": [".net", "bag"], "folders": ["_.net", "bag"]}')
    assert info_class_folders(tmp_path) == ["_.net", "bag"]
    index.write_text('{"classes": [".net", "bag"], "folders": ["_.net"]}')
    with pytest.raises(InputError, match="has 1 folders, and not one for each class"):
        info_class_folders(tmp_path)
