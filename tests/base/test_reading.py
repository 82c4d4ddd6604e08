"""Files of others: what is read of them at most, and what is no file."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zeroreal.base.errors import InputError
from zeroreal.base.limits import LIMITS, LimitError
from zeroreal.base.reading import load_json, open_regular, parse_json, read_bytes
from zeroreal.base.yaml_files import load_yaml, parse_yaml

pytestmark = pytest.mark.usefixtures("no_hang")


def alias_bomb(levels: int, form: str = "[{}]") -> str:
    """YAML of a few hundred bytes that stands for 9 to the power of `levels` values."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels):
        inner = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {form.format(inner)}")
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_what_is_no_file_is_said_and_not_waited_for(tmp_path, kind):
    path = tmp_path / "x.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    for read in (
        lambda: open_regular(path, "recipe"),
        lambda: read_bytes(path, "recipe"),
        lambda: load_json(path, "recipe", "x"),
        lambda: load_yaml(path, "recipe", "x"),
    ):
        with pytest.raises(InputError, match=rf"^recipe '.*x.yaml' is a {kind} and not a file: "):
            read()


def test_a_text_that_is_too_long_is_not_read(tmp_path, little_memory):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LimitError) as raised:
        load_json(path, "model file", "copy it again")
    assert str(raised.value) == (
        f"model file '{path}' has 1,099,511,627,776 bytes of text, and the limit is 67,108,864: "
        "raise it by ZEROREAL_MAX_TEXT_BYTES if you trust the file"
    )


def test_a_file_of_the_system_that_has_no_size_is_read():
    assert read_bytes(Path("/proc/self/statm"), "file").count(b" ") == 6


@pytest.mark.parametrize("text", ["[" * 10**6, '{"a":' * 10**6, '["a", {"b": ' * 101])
def test_json_that_is_nested_deeply_is_a_sentence(text):
    with pytest.raises(LimitError, match=r"^x has 101 or more levels of nesting, and the limit is"):
        parse_json(text, "x")


def test_json_is_as_deep_as_its_brackets_outside_of_texts():
    many = "[" * 500
    for text in (f'["{many}"]', f'["\\"{many}\\\\"]', "[[]" + ",[]" * 500 + "]"):
        assert parse_json(text, "x") == json.loads(text)
    deepest = "[" * 100 + "]" * 100
    assert parse_json(deepest, "x") == json.loads(deepest)


def test_json_of_many_values_is_not_made(little_memory):
    with pytest.raises(LimitError, match=r"^x has 12,000,002 values, and the limit is 2,000,000"):
        parse_json("[" + "[]," * 6_000_000 + "[]]", "x")


@pytest.mark.parametrize("text", ['"' + '\\"' * 10**6 + "\\", '"' * 10**6 + "\\", '"\\' * 10**6])
def test_json_that_never_ends_a_text_takes_no_longer_than_its_length(text):
    with pytest.raises(ValueError, match=r"Unterminated|Extra data"):
        parse_json(text, "x")


@pytest.mark.parametrize("text", ["[" * 10**5, "{b: " * 10**5, "- " * 10**5])
def test_yaml_that_is_nested_deeply_is_a_sentence(text):
    with pytest.raises(LimitError, match=r"^x has 101 or more levels of nesting, and the limit is"):
        parse_yaml(text, "x")


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}", "{{b: [{}], c: 1}}"])
def test_aliases_of_yaml_count_as_what_they_stand_for(form, little_memory):
    with pytest.raises(LimitError, match=r"^x has \d,\d+,\d+ or more values, and the limit is"):
        parse_yaml(alias_bomb(30, form), "x")


def test_an_alias_of_what_it_lies_in_is_no_yaml():
    with pytest.raises(ValueError, match="an alias stands for what it lies in"):
        parse_yaml("a: &a [1, *a]", "x")


def test_aliases_and_merges_of_a_usual_size_are_read():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]"
    assert parse_yaml(text, "x") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": [{"x": 1, "y": 2}] * 2,
    }


@pytest.mark.parametrize(
    "text",
    [
        '!!int ""',
        "!!bool perhaps",
        "!!timestamp soon",
        "!!python/object/apply:os.system [x]",
        "2024-13-45",
        "[a]: b\n? [c]\n: d",
        "9" * 5000,
        "\x00",
        "*a",
    ],
)
def test_whatever_is_no_plain_yaml_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".") as raised:
        parse_yaml(text, "x")
    assert "\n" not in str(raised.value)


def test_a_limit_is_raised_by_its_name(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("[" * 150 + "]" * 150)
    with pytest.raises(LimitError, match="ZEROREAL_MAX_NESTING"):
        load_json(path, "file", "x")
    monkeypatch.setenv("ZEROREAL_MAX_NESTING", "150")
    assert load_json(path, "file", "x")
    monkeypatch.setenv("ZEROREAL_MAX_TEXT_BYTES", "299")
    with pytest.raises(LimitError, match=r"300 bytes of text, and the limit is 299"):
        load_json(path, "file", "x")


def test_a_limit_beyond_what_python_reads_ends_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROREAL_MAX_NESTING", "1000000")
    path = tmp_path / "x"
    path.write_text("[" * 10**5)
    with pytest.raises(InputError, match=r"is not valid JSON .*deeper than Python reads"):
        load_json(path, "file", "x")
    with pytest.raises(InputError, match="is not YAML"):
        load_yaml(path, "file", "x")


@pytest.mark.parametrize("text", ["", "0", "-1", "1e9", "many", "9" * 5000])
def test_a_limit_that_is_no_number_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("ZEROREAL_MAX_VALUES", text)
    with pytest.raises(InputError, match=r"^ZEROREAL_MAX_VALUES is .*: give a whole number of "):
        parse_json("[]", "x")


def test_the_documented_limits_are_those_there_are():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| `(ZEROREAL_MAX_\w+)` \| ([\d,]+) \|", page, re.MULTILINE)
    assert said == [(limit.variable, f"{limit.default:,}") for limit in LIMITS]


def test_reading_needs_neither_yaml_nor_pytorch():
    program = "import sys, zeroreal.base.yaml_files\nprint({'yaml', 'torch'} & sys.modules.keys())"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "set()"
