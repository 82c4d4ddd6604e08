"""What is written of an image, and what images are asked for."""

import pyarrow.parquet as pq

from zeroreal.generate import DuplicateFilter
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.plan.classes import parse_classes
from zeroreal.generate.plan.recipe import load_recipe
from zeroreal.generate.plan.samples import SamplePlan


def rows_of(folder):
    return [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_the_rows_are_the_plans_in_order(tmp_path, generator, small_settings):
    settings = small_settings(recipe="multi-domain", seed=5)
    generate_dataset(settings, tmp_path)
    plan = SamplePlan(load_recipe("multi-domain"), parse_classes(settings.classes), 8, seed=5)
    names = (
        "index",
        "label",
        "prompt",
        "negative_prompt",
        "guidance",
        "seed",
        "language",
        "domain",
    )
    assert [tuple(row[name] for name in names) for row in rows_of(tmp_path)] == [
        tuple(getattr(spec, name) for name in names) for spec in plan
    ]
    assert [row["class"] for row in rows_of(tmp_path)] == ["bag", "coat", "dress"] * 8


def test_a_negative_prompt_in_place_of_the_recipes_is_what_rows_say(
    tmp_path, generator, small_settings
):
    generate_dataset(small_settings(negative_prompt="blurred"), tmp_path)
    assert {row["negative_prompt"] for row in rows_of(tmp_path)} == {"blurred"}


def test_images_are_asked_for_with_the_settings_checks(tmp_path, generator, small_settings):
    generate_dataset(small_settings(most_attempts=3), tmp_path / "plain")
    assert (generator.quality.filters, generator.quality.most_attempts) == ((), 3)
    generate_dataset(small_settings(near_duplicates=2, most_attempts=5), tmp_path / "near")
    (only,) = generator.quality.filters
    assert isinstance(only, DuplicateFilter)
    assert generator.quality.most_attempts == 5
