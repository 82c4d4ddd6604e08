"""Files of prompts in every format, and what is said of those that cannot be used."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeroreal.base import InputError
from zeroreal.generate.plan.prompt_file import read_prompt_file
from zeroreal.generate.plan.prompt_row import MOST_CHARACTERS, PromptRow

LONG = "x" * 10_000_000
ROWS = (
    PromptRow("cat", "a cat, asleep"),
    PromptRow("cat", "eine Katze", 2.5, "dog", "de"),
    PromptRow("dog", "a dog"),
)
JSON = """{
  "cat": ["a cat, asleep",
          {"prompt": "eine Katze", "weight": 2.5, "negative_prompt": "dog", "language": "de"}],
  "dog": ["\\na  dog "]
}"""
BY_LANGUAGE = """{
  "cat": {"": ["a cat, asleep"],
          "de": [{"prompt": "eine Katze", "weight": 2.5, "negative_prompt": "dog"}]},
  "dog": ["a dog"]
}"""
LINES = """{"class": "cat", "prompt": "a cat, asleep", "weight": null}

{"class": "cat", "prompt": "eine Katze", "weight": 2.5, "negative_prompt": "dog", "language": "de"}
{"class": "dog", "prompt": "a dog", "language": ""}
"""
CSV = """\ufeffclass, prompt,weight,negative_prompt,language\r
cat,"a cat, asleep",,,\r
cat,eine Katze,2.5,dog,de\r
\r
dog,a dog,1,,\r
"""


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def complaint(path):
    with pytest.raises(InputError) as caught:
        read_prompt_file(path)
    message = str(caught.value)
    assert message.startswith((f"prompt file {str(path)!r}", "unknown column of prompt file"))
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize(
    ("name", "content"),
    [("p.json", JSON), ("p.JSON", BY_LANGUAGE), ("p.jsonl", LINES), ("p.csv", CSV)],
)
def test_each_format_of_text_gives_the_same_prompts(tmp_path, name, content):
    assert read_prompt_file(write(tmp_path, name, content)).rows == ROWS


def test_parquet_gives_the_same_prompts(tmp_path):
    path = write_parquet(
        tmp_path / "p.parquet",
        prompt=["a cat, asleep", "eine Katze", "a dog"],
        weight=[None, 2.5, 1.0],
        negative_prompt=[None, "dog", ""],
        language=["", "de", None],
        **{"class": pa.array(["cat", "cat", "dog"]).dictionary_encode()},
    )
    assert read_prompt_file(path).rows == ROWS


def test_the_digest_is_of_the_prompts_not_of_the_format_or_the_order_of_classes(tmp_path):
    digest = read_prompt_file(write(tmp_path, "p.json", JSON)).digest
    assert read_prompt_file(write(tmp_path, "p.csv", CSV)).digest == digest
    turned = dict(reversed(json.loads(JSON).items()))
    assert read_prompt_file(write(tmp_path, "q.json", json.dumps(turned))).digest == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("a dog", "a dog."), ("2.5", "2"), (",dog,de", ",bag,de"), (",de", ",nl"), ("dog,a", "eel,a")],
)
def test_the_digest_follows_every_value(tmp_path, old, new):
    digest = read_prompt_file(write(tmp_path, "p.csv", CSV)).digest
    changed = CSV.replace(old, new)
    assert changed != CSV
    assert read_prompt_file(write(tmp_path, "q.csv", changed)).digest != digest


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "holds no prompts: write some"),
        ("{}", "holds no prompts"),
        ('{"cat": []}', "class 'cat' has no prompts: add some"),
        ('{"cat": {}}', "class 'cat' has no prompts: add some"),
        ('{"cat": {"de": []}}', "class 'cat', language 'de' has no prompts"),
        ('{"cat": ["a", " "]}', "class 'cat', prompt 2: prompt is empty: fill it in"),
        ('{" ": ["a"]}', "class is empty"),
        ('{"cat": "a cat"}', "class 'cat' is 'a cat': a list of prompts was expected"),
        ('{"cat": [7]}', "class 'cat', prompt 1 is 7: text or a mapping"),
        ('{"cat": [{"weight": 7}]}', "prompt 1 lacks the column 'prompt'"),
        ('{"cat": [{"prompt": 7}]}', "prompt is 7: text was expected"),
        ('{"cat": [{"prompt": "a", "wieght": 7}]}', "'wieght': did you mean 'weight'"),
        ('{"cat": [{"prompt": "a", "class": "b"}]}', "unknown column"),
        ('{"cat": [{"prompt": "a", "prompt": "b"}]}', "has 'prompt' twice"),
        ('{"cat": ["a"], "cat": ["b"]}', "has 'cat' twice in one mapping"),
        ('{"cat": [{"prompt": "a", "weight": "2"}]}', "weight is '2': a number was expected"),
        ('{"cat": [{"prompt": "a", "weight": true}]}', "weight is True: a number was expected"),
        ('{"cat": [{"prompt": "a", "weight": 0}]}', "weight is 0: a finite number above 0"),
        ('{"cat": [{"prompt": "a", "weight": -1}]}', "weight is -1: a finite number above 0"),
        ('{"cat": [{"prompt": "a", "weight": NaN}]}', "weight is nan: a finite number"),
        ('{"cat": [{"prompt": "a", "weight": 1e999}]}', "weight is inf: a finite number"),
        (f'{{"cat": [{{"prompt": "a", "weight": 1{"0" * 999}}}]}}', "a finite number above 0"),
        (f'{{"cat": [{{"prompt": "a", "weight": 1{"0" * 9999}}}]}}', "is not JSON that can be"),
        ('{"cat": ["a\\u0000b"]}', "holds control characters: remove them"),
        ('{"cat": ["a\\ud800b"]}', "holds control characters: remove them"),
        (
            '{"cat": ["a"],\n "dog" ["b"]}',
            "is not JSON (Expecting ':' delimiter at line 2, column 8)",
        ),
        ('["a cat"]', "is ['a cat']: {\"cat\":"),
        ("[" * 200_000, "has 101 or more levels of nesting"),
        (b'{"cat":\n["\xff"]}', "line 2: byte 0xff is not UTF-8 text: save the file as UTF-8"),
        (f'{{"cat": ["{LONG}"]}}', "has 10,000,000 characters, at most 4,000 are taken"),
        (f'{{"{LONG}": ["a"]}}', "has 10,000,000 characters"),
        (f'{{"cat": [{{"{LONG}": 1}}]}}', "unknown column"),
        (f'{{"cat": "{LONG}"}}', "a list of prompts was expected"),
        (f'{{"cat": [{{"prompt": "a", "language": "{LONG}"}}]}}', "has 10,000,000 characters"),
    ],
)
def test_bad_json_gets_one_sentence(tmp_path, content, expected):
    assert expected in complaint(write(tmp_path, "p.json", content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\n \n", "holds no prompts"),
        ('{"class": "cat", "prompt": "a"}\n{"class": "cat"', "line 2 is not JSON"),
        ("\n[1]\n", "line 2 is [1]: "),
        ('{"class": "cat"}', "line 1 lacks the column 'prompt'"),
        ('{"class": 3, "prompt": "a"}', "line 1: class is 3: text was expected"),
        ('{"class": "cat", "prompt": ""}', "line 1: prompt is empty"),
        ('{"class": "cat", "prompt": "a", "text": "b"}', "unknown column"),
        (f'\n{{"class": "cat", "prompt": "{LONG}"}}', "line 2: prompt 'xxx"),
        (f"\n{LONG}", "line 2 is not JSON (Expecting value at column 1)"),
        (b'\n\n{"class": "\xe9"}', "line 3: byte 0xe9 is not UTF-8"),
    ],
)
def test_bad_json_lines_get_one_sentence(tmp_path, content, expected):
    assert expected in complaint(write(tmp_path, "p.jsonl", content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "holds no prompts"),
        ("class,prompt\n", "holds no prompts"),
        ("class,prompt,prompt\ncat,a,b\n", "line 1 has the column 'prompt' twice"),
        ("class,promt\ncat,a\n", "did you mean 'prompt'"),
        ("class,weight\ncat,1\n", "line 1 lacks the column 'prompt'"),
        ("class;prompt\ncat;a\n", "unknown column"),
        ("class,prompt\ncat,a cat, asleep\n", "line 2 has 3 cells, the first line has 2"),
        ("class,prompt\ncat,a\n\ndog, \n", "line 4: prompt is empty"),
        ('class,prompt\ncat,"a\nb"\n,c\n', "line 4: class is empty"),
        ("class,prompt,weight\ncat,a,heavy\n", "line 2: weight is 'heavy': a number was expected"),
        ("class,prompt,weight\ncat,a,nan\n", "line 2: weight is nan: a finite number above 0"),
        ("class,prompt,weight\ncat,a,-0.5\n", "line 2: weight is -0.5: a finite number above 0"),
        ('class,prompt\ncat,"a\n', "is not CSV (unexpected end of data): close its quotes"),
        (f"class,prompt\ncat,{LONG}\n", "line 2 is not CSV (field larger than field limit"),
        (f"class,prompt\ncat,{'x' * 4_001}\n", "has 4,001 characters, at most 4,000"),
        (b"class,prompt\ncat,caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("class,prompt\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    ],
)
def test_bad_csv_gets_one_sentence(tmp_path, content, expected):
    assert expected in complaint(write(tmp_path, "p.csv", content))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"class": ["cat"], "prompt": [None]}, "row 0: prompt is empty"),
        ({"class": ["cat", "dog"], "prompt": ["a", ""]}, "row 1: prompt is empty"),
        ({"class": [1], "prompt": ["a"]}, "row 0: class is 1: text was expected"),
        ({"class": ["cat"], "prompt": ["a"], "weight": ["2"]}, "weight is '2': a number"),
        ({"class": ["cat"], "prompt": ["a"], "weight": [0]}, "weight is 0: a finite number"),
        ({"class": ["cat"], "image": ["a"]}, "unknown column"),
        ({"class": ["cat"]}, "lacks the column 'prompt'"),
        ({"class": pa.array([], pa.string()), "prompt": pa.array([], pa.string())}, "no prompts"),
        ({"class": ["cat"], "prompt": [LONG]}, "has 10,000,000 characters"),
        (
            {"class": ["cat"], "prompt": pa.array([b"\xff"]).view(pa.string())},
            "row 0, is not UTF-8 text",
        ),
    ],
)
def test_bad_parquet_gets_one_sentence(tmp_path, columns, expected):
    assert expected in complaint(write_parquet(tmp_path / "p.parquet", **columns))


def test_columns_that_come_twice_in_parquet_are_named(tmp_path):
    table = pa.table([["cat"], ["a"], ["b"]], names=["class", "prompt", "prompt"])
    pq.write_table(table, tmp_path / "p.parquet")
    assert "has the column 'prompt' twice" in complaint(tmp_path / "p.parquet")


def test_what_is_no_parquet_file_no_file_or_of_no_format_is_said(tmp_path):
    path = write(tmp_path, "p.parquet", CSV)
    assert "cannot be read as Parquet (" in complaint(path)
    assert "does not exist: check the path" in complaint(tmp_path / "gone.csv")
    assert "does not exist: check the path" in complaint(tmp_path.with_suffix(".json"))
    assert ".json, .jsonl, .csv, .parquet" in complaint(write(tmp_path, "p.txt", CSV))


def test_a_prompt_of_the_most_characters_and_joined_emoji_are_taken(tmp_path):
    texts = ["x" * MOST_CHARACTERS, "\N{MAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}"]
    file = read_prompt_file(write(tmp_path, "p.json", json.dumps({"cat": texts})))
    assert [row.prompt for row in file.rows] == texts
