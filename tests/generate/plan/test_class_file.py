"""Class entries from lists and files of every kind, and what is never taken for names."""

import csv
import io
import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zeroreal.base import InputError
from zeroreal.generate import class_entries, parse_classes

SUFFIXES = (".txt", "", ".names", ".csv", ".json", ".yaml", ".yml")

# What may stand in any kind of file: printable, no colon, which ends a name in lists.
NAMES = st.lists(
    st.text(
        st.characters(exclude_categories=("C", "Z"), exclude_characters=":"), min_size=1, max_size=9
    ).filter(lambda name: name[0] not in "#[{<"),
    min_size=2,
    max_size=6,
    unique=True,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classes")


def written(names, suffix):
    """Names as people would write them, by libraries of their own."""
    if suffix == ".csv":
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows([["name"], *([name] for name in names)])
        return buffer.getvalue()
    if suffix == ".json":
        return json.dumps(names)
    if suffix in (".yaml", ".yml"):
        return yaml.safe_dump(names, allow_unicode=True)
    return "\n".join(names)


@given(NAMES, st.sampled_from(SUFFIXES), st.booleans())
def test_names_come_back_from_every_kind_of_file(folder, names, suffix, is_marked):
    path = folder / f"classes{suffix}"
    path.write_text(written(names, suffix), "utf-8-sig" if is_marked else "utf-8", newline="")
    assert class_entries(str(path)) == tuple(names)
    assert [item.name for item in parse_classes(names)] == names


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), st.sampled_from(SUFFIXES))
def test_whatever_a_file_holds_gives_entries_or_one_sentence(folder, content, suffix):
    path = folder / f"any{suffix}"
    path.write_bytes(content)
    assert "\n" not in complaint_of(path)


def complaint_of(path):
    """What is wrong with a class file, if anything; any other error is the test's."""
    try:
        parse_classes(class_entries(str(path)))
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", "# pets\r\ncat\r\n\r\n  # more\r\ndog: a dog, small\r\n"),
        ("", "cat\ndog: a dog, small"),
        (".csv", 'prompt,name\n,cat\n"a dog, small",dog\n\n'),
        (".csv", 'name,prompt\r\ncat,\r\ndog,"a dog, small"\r\n'),
        (".json", '{"cat": null, "dog": "a dog, small"}'),
        (".json", '{"cat": "", "dog": "a dog, small"}'),
    ],
)
def test_prompts_stand_beside_names(tmp_path, suffix, text):
    path = tmp_path / f"classes{suffix}"
    path.write_text(text, newline="")
    cat, dog = parse_classes(class_entries(str(path)))
    assert (cat.name, cat.prompt, dog.name, dog.prompt) == ("cat", "cat", "dog", "a dog, small")


def test_synonyms_in_a_file_are_one_name(tmp_path):
    (tmp_path / "a.txt").write_text("tench, Tinca tinca\ngoldfish, Carassius auratus\n")
    assert class_entries(str(tmp_path / "a.txt"))[0] == "tench, Tinca tinca"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "a.csv",
            b"id,name\n0,cat\n1,dog\n",
            r"has the columns 'id', 'name': the first line should",
        ),
        ("a.csv", b"cat\ndog\n", "has the columns 'cat'"),
        ("a.csv", b"name;prompt\ncat;x\n", "has the columns 'name;prompt'"),
        ("a.csv", b"", "has the columns of an empty file"),
        ("a.csv", b"name,prompt\ncat\n", "has 1 values in line 2, and 2 columns"),
        ("a.csv", b'name\n"cat', "is not CSV"),
        ("a.json", b'["cat"', "is not JSON"),
        ("a.json", b'"cat"', "holds 'cat': a list of names"),
        ("a.json", b'["cat", 1]', "has 1 where a name was expected: put it in quotes"),
        ("a.json", b'[{"name": "cat"}]', "has an object where a name was expected"),
        ("a.json", b'{"0": "cat", "1": "dog"}', "has numbers for names, which may be labels"),
        ("a.json", b'{"cat": 0, "dog": 1}', "has 0 for the prompt of 'cat': a text"),
        ("a.json", b'{"a:b": "x"}', "has the name 'a:b', which may not hold a colon"),
        ("a.yaml", b"names:\n  0: cat\n", "holds no list"),
        ("a.yaml", b"- cat\n- no\n", "has False where a name was expected: put it in quotes"),
        ("a.yaml", b"- [", "is not YAML"),
        ("a.txt", b'["cat", "dog"]', "does not hold a name a line: call it .json"),
        ("a.txt", b"id,name\n0,cat\n", "begins with the columns 'id,name': call it .csv"),
        ("a.txt", "Bär".encode("latin-1"), "is not UTF-8 text"),
        ("a.txt", "cat\ndog".encode("utf-16"), "is not UTF-8 text"),
        ("a.xlsx", b"PK", "is of no kind that is read"),
        ("a.tsv", b"name\tprompt", "is of no kind that is read"),
    ],
)
def test_anything_else_is_refused_and_never_taken_for_names(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(complaint)) as caught:
        class_entries(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_name_that_comes_twice_in_an_object_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"cat": "a cat", "dog": "", "cat": "a kitten"}')
    with pytest.raises(InputError, match=r"'cat' \(entry 3\) is there already"):
        parse_classes(class_entries(str(tmp_path / "a.json")))


def test_a_comma_makes_a_list_even_where_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat,dog.txt").write_text("eel\nfox\n")
    assert class_entries("cat,dog.txt") == ("cat", "dog.txt")
    assert class_entries("cat,a.txt") == ("cat", "a.txt")


def test_without_a_comma_a_file_counts_and_else_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").write_text("猫\nfox # not a comment\n", encoding="utf-8")
    assert class_entries("pets") == ("猫", "fox # not a comment")
    assert class_entries("St. Bernard") == ("St. Bernard",)
    assert class_entries("x" * 300) == ("x" * 300,)
    assert class_entries(" ") == ()


def test_a_file_that_is_absent_or_a_folder_is_told(tmp_path):
    for name in ("clases.txt", "clases.csv"):
        with pytest.raises(InputError, match=f"{name}' does not exist: check the path"):
            class_entries(str(tmp_path / name))
    with pytest.raises(InputError, match="is a folder: give a file"):
        class_entries(str(tmp_path))
