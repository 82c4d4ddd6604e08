"""Counting class names and prompts in captions."""

import gzip

import pytest

from zeroreal.base import InputError
from zeroreal.generate import parse_classes
from zeroreal.run.audit.captions import count_captions

CLASSES = parse_classes(["t-shirt", "boot", "ankle_boot", "crane: crane bird", "wok"])
TEXT = """A T-shirt, and another t-shirt
two ankle boots
boot-camp
a photo of a coat

cranes over rivers: crane birds!
an image of a boot
"""


@pytest.fixture(params=["plain", "gz"])
def corpus(request, tmp_path):
    path = tmp_path / "captions"
    text = TEXT.encode()
    path.write_bytes(gzip.compress(text) if request.param == "gz" else text)
    return path


def test_captions_are_counted_once_by_whole_words_in_any_number(corpus):
    found = count_captions(corpus, CLASSES, ["an image of a boot", "an image of a wok"])
    assert found.captions == 6
    assert found.by_class == (1, 3, 1, 1, 0)
    assert found.by_prompt == {"an image of a boot": 1, "an image of a wok": 0}


def test_progress_is_told(corpus, monkeypatch):
    monkeypatch.setattr("zeroreal.run.audit.captions._TOLD_EVERY", 3)
    told = []
    count_captions(corpus, CLASSES, [], told.append)
    assert {3, 6} <= set(told)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no captions: give one a line"),
        (b"\n \n", "holds no captions"),
        (b"caf\xe9\n", "is not text in UTF-8"),
        (gzip.compress(b"a boot\n" * 99, mtime=0)[:20], "is damaged"),
        (gzip.compress(b"a boot\n", mtime=0)[:10] + b"\xff" * 9, "is damaged"),
        (None, "cannot be read .No such file or directory.: check the path"),
    ],
)
def test_what_is_no_corpus_is_refused(content, complaint, tmp_path):
    path = tmp_path / "captions.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"caption corpus .*captions.txt' {complaint}"):
        count_captions(path, CLASSES, [])


def test_a_folder_is_no_corpus(tmp_path):
    with pytest.raises(InputError, match="is a folder and not a file"):
        count_captions(tmp_path, CLASSES, [])
