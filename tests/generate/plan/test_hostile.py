"""Recipes, classes and prompts of others that ask for more than there is."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeroreal.base.errors import InputError
from zeroreal.base.limits import LimitError
from zeroreal.generate import load_recipe
from zeroreal.generate.plan.classes import class_entries
from zeroreal.generate.plan.prompt_file import read_prompt_file
from zeroreal.generate.plan.prompts import template_fields

pytestmark = pytest.mark.usefixtures("no_hang")


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def alias_bomb(field):
    """A few hundred bytes of YAML, in which the field stands for a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join([*lines, f"{field}: *a9"])


@pytest.mark.parametrize("field", ["prompt", "domains", "guidance", "merge", "name", "unknown"])
def test_an_alias_bomb_in_any_field_of_a_recipe_is_a_sentence(tmp_path, field, little_memory):
    path = write(tmp_path, "r.yaml", alias_bomb(field))
    with pytest.raises(LimitError) as raised:
        load_recipe(path)
    assert f"recipe '{path}' has 2,466,223 or more values, and the limit" in str(raised.value)
    assert len(str(raised.value)) < 300


def test_an_alias_bomb_of_classes_is_a_sentence(tmp_path, little_memory):
    path = write(tmp_path, "c.yaml", alias_bomb("x"))
    with pytest.raises(LimitError, match=r"^class file .* or more values, and the limit is 2,000,"):
        class_entries(str(path))


def test_a_value_that_is_wrong_is_shown_in_short(tmp_path):
    aliases = "\n".join(f"  - &b{n} [{', '.join(['x'] * 500)}]" for n in range(20))
    path = write(tmp_path, "r.yaml", f'prompt: "{{class}}"\nguidance:\n{aliases}\n')
    with pytest.raises(InputError, match="neither a number nor a range") as raised:
        load_recipe(path)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("name", ["c.json", "c.yaml"])
def test_a_class_file_that_is_nested_deeply_is_a_sentence(tmp_path, name):
    path = write(tmp_path, name, "[" * 100_000)
    with pytest.raises(LimitError, match=r"^class file .* has 101 or more levels of nesting"):
        class_entries(str(path))


def test_a_recipe_that_merges_itself_by_another_path_is_a_sentence(tmp_path):
    (tmp_path / "inner").mkdir()
    path = write(tmp_path, "r.yaml", "merge: [inner/../r.yaml]\n")
    with pytest.raises(InputError, match=r"^recipe 'inner/../r.yaml' merges itself"):
        load_recipe(path)
    (tmp_path / "link.yaml").symlink_to(path)
    path.write_text("merge: [link.yaml]\n")
    with pytest.raises(InputError, match=r"^recipe 'link.yaml' merges itself"):
        load_recipe(path)


def test_recipes_that_double_are_counted_before_they_are_merged(tmp_path, little_memory):
    write(tmp_path, "0.yaml", 'prompt: "{class}"\n')
    for n in range(1, 25):
        write(tmp_path, f"{n}.yaml", f"merge: [{n - 1}.yaml, {n - 1}.yaml]\n")
    with pytest.raises(LimitError) as raised:
        load_recipe(tmp_path / "24.yaml")
    assert str(raised.value) == (
        f"recipe '{tmp_path / '10.yaml'}' has 1,024 parts, and the limit is 1,000: raise it by "
        "ZEROREAL_MAX_RECIPE_PARTS if you trust the file"
    )
    assert len(load_recipe(tmp_path / "9.yaml").leaves) == 512


def test_a_long_chain_of_recipes_is_a_sentence(tmp_path):
    write(tmp_path, "0.yaml", 'prompt: "{class}"\n')
    for n in range(1, 2000):
        write(tmp_path, f"{n}.yaml", f"merge: [{n - 1}.yaml]\n")
    with pytest.raises(LimitError, match=r"^recipe .* has 101 or more levels of nesting"):
        load_recipe(tmp_path / "1999.yaml")


@pytest.mark.parametrize(
    "template",
    [
        "{class!r:>100000000}",
        "a {class:>100000000}",
        "{class!s}",
        "{class:{domain}}",
        "{domain:^9}",
    ],
)
def test_a_template_says_no_more_than_names(tmp_path, template, little_memory):
    with pytest.raises(InputError, match=r"says how to write \{(class|domain)\}.*: leave out what"):
        template_fields(template)
    with pytest.raises(InputError, match="says how to write"):
        load_recipe(write(tmp_path, "r.yaml", f"prompt: '{template}'\n"))


def test_a_template_is_no_longer_than_a_prompt(tmp_path):
    with pytest.raises(InputError, match=r"has 5,600 characters, and a prompt at most 4,000"):
        load_recipe(write(tmp_path, "r.yaml", f"prompt: '{'{class}' * 800}'\n"))


@pytest.mark.parametrize("is_pipe", [True, False])
@pytest.mark.parametrize("suffix", ["yaml", "json", "csv", "txt", "parquet"])
def test_a_pipe_or_device_is_said(tmp_path, suffix, is_pipe):
    path = tmp_path / f"x.{suffix}"
    os.mkfifo(path) if is_pipe else path.symlink_to("/dev/zero")
    read = {
        "yaml": (load_recipe, class_entries),
        "json": (load_recipe, class_entries),
        "csv": (load_recipe, class_entries),
        "txt": (class_entries,),
        "parquet": (load_recipe,),
    }
    for reader in read[suffix]:
        with pytest.raises(InputError, match=r"is a (pipe|device) and not a file"):
            reader(str(path))


def test_a_table_of_prompts_has_no_more_rows_than_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "p.parquet"
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["cat"])
    table = pa.table([column, column], ["class", "prompt"])
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(2):
            writer.write_table(table)
    assert len(read_prompt_file(path).rows) == 2000
    monkeypatch.setenv("ZEROREAL_MAX_ROWS", "1999")
    with pytest.raises(LimitError, match=r"^prompt file .* has 2,000 rows, and the limit is 1,999"):
        read_prompt_file(path)
