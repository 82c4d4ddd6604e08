"""`zeroreal prompts`: what would be generated, for people and for programs."""

import csv
import io
import json
from collections import Counter

import pytest

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan import samples

CONTENT = {
    "cat": [
        "a [bold]cat[/bold], asleep",
        {"prompt": "eine Katze " * 20, "weight": 3, "negative_prompt": "dog", "language": "de"},
    ],
    "dog": ["a dog"],
}
GIVEN = ("--classes", "cat, dog", "-n", "7", "--seed", "3", "--recipe")


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(CONTENT))
    return tmp_path / "mine.json"


def walked(recipe):
    """How many samples of a plan have which prompt, by class."""
    plan = SamplePlan(load_recipe(recipe), parse_classes(["cat", "dog"]), 7, 3)
    return Counter((plan.classes[spec.label].name, spec.prompt) for spec in plan)


def test_json_has_every_prompt_with_its_number_of_images(command, recipe):
    rows = json.loads(command("prompts", *GIVEN, recipe, "--format", "json").stdout)
    assert {(row["class"], row["prompt"]): row["images"] for row in rows} == walked(recipe)
    row = next(row for row in rows if row["language"] == "de")
    assert (row["negative_prompt"], row["guidance"]) == ("dog", 7.5)


def test_csv_is_not_wrapped_and_reads_as_written(command, recipe):
    shown = command("prompts", *GIVEN, recipe, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert {(row["class"], row["prompt"]): int(row["images"]) for row in rows} == walked(recipe)
    assert shown.splitlines()[0] == "class,prompt,negative_prompt,guidance,language,images"
    assert len(shown.splitlines()) == 4
    assert "\x1b" not in shown


def test_prompts_are_no_formulas_of_a_spreadsheet(command, tmp_path):
    (tmp_path / "evil.json").write_text(json.dumps({"cat": ["=HYPERLINK(1)"], "dog": ["@SUM(1)"]}))
    shown = command(
        "prompts", "--classes", "cat,dog", "--recipe", tmp_path / "evil.json", "--format", "csv"
    ).stdout
    found = [row["prompt"] for row in csv.DictReader(io.StringIO(shown))]
    assert found == ["'=HYPERLINK(1)", "'@SUM(1)"]


def test_the_table_has_totals_and_no_column_without_content(command, recipe):
    shown = command("prompts", *GIVEN, recipe).shown
    assert "a [bold]cat[/bold], asleep" in shown
    assert "cat 2 prompts 7" in shown
    assert "all 3 prompts 14" in shown
    plain = command("prompts", *GIVEN, "base").shown
    assert "cat an image of a cat 7.5 7" in plain
    assert "negative" not in plain
    assert "language" not in plain


def test_a_range_of_guidance_is_shown_and_given_as_the_recipe_has_it(command):
    assert "1 to 5, whole" in command("prompts", *GIVEN, "random-guidance").shown
    rows = json.loads(command("prompts", *GIVEN, "random-guidance", "--format", "json").stdout)
    assert rows[0]["guidance"] == {"uniform": [1, 5], "integers": True}


def test_a_negative_prompt_takes_the_place_of_all_where_there_is_guidance(command, recipe):
    options = ("--negative-prompt", "blur", "--format", "json")
    (recipe.parent / "r.yaml").write_text("merge: [mine.json, none.yaml]\n")
    (recipe.parent / "none.yaml").write_text('prompt: "{class}"\nguidance: 1\n')
    rows = json.loads(command("prompts", *GIVEN, recipe.parent / "r.yaml", *options).stdout)
    assert {(row["guidance"], row["negative_prompt"]) for row in rows} == {(7.5, "blur"), (1.0, "")}


def test_numbers_that_were_not_counted_are_said_to_be_about_right(command, recipe, monkeypatch):
    monkeypatch.setattr(samples, "MOST_COUNTED", 13)
    assert "about 14" in command("prompts", *GIVEN, recipe).shown
    done = command("prompts", *GIVEN, recipe, "--format", "json")
    assert [row["images"] for row in json.loads(done.stdout)] == [2, 5, 7]
    assert "about right" in done.stderr


def test_what_cannot_be_used_gets_one_sentence(command, recipe):
    done = command("prompts", "--classes", "cat, eel", "--recipe", recipe)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown class 'dog'" in done.shown
    assert "images per class is 0" in command("prompts", "-n", "0").shown


def test_weights_by_images_are_shown_and_written_as_a_recipe(command, tmp_path):
    path = tmp_path / "weighted.yaml"
    images = ("--unlabelled", FASHION_MNIST_TEST, "--device", "cpu", "--prompt-temperature", "1")
    given = ("prompts", "--recipe", "multi-domain", "--format", "json")
    done = command(*given, "--prompt-weights", "zpe", *images, "--out", path)
    assert done.returncode == 0, done.stderr
    again = command("prompts", "--recipe", path, "--format", "json")
    assert json.loads(again.stdout) == json.loads(done.stdout)
    counts = Counter()
    for row in json.loads(done.stdout):
        counts[row["prompt"].split(" of ")[0]] += row["images"]
    assert sum(counts.values()) == 4_000
    assert counts["a photo"] > 2 * counts["a stick figure"]  # by which the encoder tells less


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--prompt-weights", "zpe"], "'zpe' follow from real images, and none were given"),
        (["--out", "weighted.yaml"], "--out writes weights, and none were asked for: add"),
    ],
)
def test_weights_without_images_get_one_sentence(command, arguments, complaint):
    done = command("prompts", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.shown
