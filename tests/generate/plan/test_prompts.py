"""Prompts of every shipped recipe against expectations written by hand."""

import subprocess
import sys

import pytest

from zeroreal.base import InputError
from zeroreal.generate import SamplePlan, load_recipe, parse_classes, shipped_recipes
from zeroreal.generate.plan.prompts import fill, template_fields

DOMAINS = {
    "photo",
    "drawing",
    "painting",
    "sketch",
    "collage",
    "poster",
    "digital art image",
    "rock drawing",
    "stick figure",
    "3D rendering",
}


def plan(recipe, entries=("t-shirt: t-shirt/top", "ankle_boot"), images_per_class=30, seed=0):
    return SamplePlan(load_recipe(recipe), parse_classes(entries), images_per_class, seed)


def test_ships_the_recipes_of_the_method():
    assert shipped_recipes() == [
        "base",
        "class-prompt",
        "merged",
        "multi-domain",
        "multi-domain-satellite",
        "random-guidance",
    ]


def test_base_is_one_prompt_at_guidance_7_5():
    specs = list(plan("base"))
    assert {spec.prompt for spec in specs if spec.label == 0} == {"an image of a t-shirt/top"}
    assert {spec.prompt for spec in specs if spec.label == 1} == {"an image of an ankle boot"}
    assert {spec.guidance for spec in specs} == {7.5}
    assert {spec.negative_prompt for spec in specs} == {""}


def test_class_prompt_is_the_name_alone():
    assert {spec.prompt for spec in plan("class-prompt")} == {"t-shirt/top", "ankle boot"}


def test_multi_domain_has_every_domain_equally_often_for_every_class():
    specs = list(plan("multi-domain"))
    boots = [spec.prompt for spec in specs if spec.label == 1]
    expected = {f"a {domain} of an ankle boot" for domain in DOMAINS}
    assert set(boots) == expected
    assert all(boots.count(prompt) == 3 for prompt in expected)
    assert set(boots[:10]) == expected, "each run of ten has every domain once"
    assert boots[:10] != boots[10:20], "in an order of its own"


def test_satellite_form_has_its_own_template():
    prompts = {spec.prompt for spec in plan("multi-domain-satellite") if spec.label == 1}
    assert "a satellite photo of an ankle boot in the style of a sketch" in prompts
    assert len(prompts) == 10


def test_random_guidance_keeps_the_plain_prompt():
    specs = list(plan("random-guidance"))
    assert {spec.prompt for spec in specs} == {
        "an image of a t-shirt/top",
        "an image of an ankle boot",
    }


def test_merged_is_equal_parts_of_the_three_tricks():
    specs = [spec for spec in plan("merged") if spec.label == 0]
    by_part = [specs[part::3] for part in range(3)]
    assert [len(part) for part in by_part] == [10, 10, 10]
    assert {spec.prompt for spec in by_part[0]} == {"t-shirt/top"}
    assert {spec.prompt for spec in by_part[1]} == {f"a {d} of a t-shirt/top" for d in DOMAINS}
    assert {spec.prompt for spec in by_part[2]} == {"an image of a t-shirt/top"}
    assert {spec.guidance for spec in by_part[0] + by_part[1]} == {7.5}
    assert {spec.guidance for spec in by_part[2]} <= {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("template", "class_prompt", "domain", "expected"),
    [
        ("an image of a {class}", "orange", "", "an image of an orange"),
        ("An {class}", "coat", "", "A coat"),
        (
            "a {domain} of a {class}",
            "hour glass",
            "oil painting",
            "an oil painting of an hour glass",
        ),
        ("a {domain} of a {class}", "unicorn", "3D rendering", "a 3D rendering of a unicorn"),
        ("{class}, seen from a distance", "ankle boot", "", "ankle boot, seen from a distance"),
        ("AN {class}", "coat", "", "A coat"),
        ("{domain}{class}", "coat", "", "coat"),
        ("a  {class}", "ape", "", "an  ape"),
        ("china {class}", "ape", "", "china ape"),
        ("a very big {class}", "ape", "", "a very big ape"),
    ],
)
def test_articles_follow_the_sound(template, class_prompt, domain, expected):
    assert fill(template, class_prompt, domain) == expected


def test_field_names_are_checked_and_the_nearest_suggested():
    with pytest.raises(InputError, match=r"'domian'.*did you mean 'domain'"):
        template_fields("a {domian} of a {class}")
    with pytest.raises(InputError, match="cannot be read"):
        template_fields("a {class")


def test_the_domain_is_empty_unless_given():
    assert fill("{domain}{class}", "coat") == "coat"


def test_a_template_s_fields_are_found_once_each():
    assert template_fields("a {domain} of a {class}, {class}") == {"class", "domain"}
    assert template_fields("nothing") == set()


def test_the_library_of_articles_is_spared_its_checks_of_types_and_no_other_is():
    program = (
        "import typeguard\n"
        "before = typeguard.typechecked\n"
        "from zeroreal.generate.plan.prompts import fill\n"
        "print(fill('a {class}', 'ape'), typeguard.typechecked is before)\n"
        "import inflect\n"
        "print(any('check' in name for name in inflect.engine.a.__code__.co_names))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.splitlines() == ["an ape True", "False"], ended.stderr


def test_type_checks_that_are_not_there_need_not_be_left_out(monkeypatch):
    from zeroreal.base import articles

    monkeypatch.setitem(sys.modules, "typeguard", None)  # importing it fails
    with articles._without_type_checks():
        pass
