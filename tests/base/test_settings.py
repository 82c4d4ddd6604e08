"""Settings as the one source of files and options, on a small class of its own."""

from dataclasses import dataclass

import pytest

from zeroreal.base import InputError
from zeroreal.base.settings import (
    build,
    changed,
    merge,
    names_in,
    option,
    plain,
    read_values,
    section,
    values_of,
)


def colour(text):
    if not text.startswith("#"):
        raise InputError(f"{text!r} is not a colour: write it such as #ff0000")
    return tuple(bytes.fromhex(text[1:]))


@dataclass(frozen=True)
class Paint:
    """How a thing is painted."""

    coats: int = 2
    """How often
    it is painted."""
    tint: tuple[int, int, int] | None = option(None, read=colour, flag="--paint")
    """A colour."""

    def __post_init__(self):
        if self.coats < 1:
            raise InputError(f"coats is {self.coats}: at least 1 is needed")


@dataclass(frozen=True)
class Thing:
    """A thing."""

    name: str = "box"
    """What it is called."""
    weight: float = 1.5
    heavy: bool = False
    parts: tuple[str, ...] = ()
    paint: Paint = section(Paint, panel="Paint")  # noqa: RUF009


def read(content):
    return build(Thing, read_values(Thing, content, "mine.yaml"), "mine.yaml")


def test_every_value_has_its_path_text_flag_and_panel():
    found = {".".join(value.path): value for value in values_of(Thing)}
    assert list(found) == ["name", "weight", "heavy", "parts", "paint.coats", "paint.tint"]
    assert found["paint.coats"].help == "How often it is painted."
    assert found["weight"].help == ""
    assert (found["paint.coats"].flag, found["paint.tint"].flag) == ("--coats", "--paint")
    assert (found["name"].panel, found["paint.tint"].panel) == (None, "Paint")
    assert (found["paint.coats"].default, found["paint.coats"].type) == (2, int)


def test_a_file_s_values_take_their_places():
    content = {"weight": 2, "parts": ["a", "b"], "paint": {"tint": "#010203"}}
    thing = Thing(weight=2.0, parts=("a", "b"), paint=Paint(tint=(1, 2, 3)))
    assert read(content) == thing
    assert isinstance(read(content).weight, float)


def test_what_is_written_is_read_again():
    thing = Thing("lid", 0.5, True, ("x",), Paint(3, (9, 8, 7)))
    assert plain(thing)["paint"] == {"coats": 3, "tint": [9, 8, 7]}
    assert read(plain(thing)) == thing
    assert read({}) == Thing()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"nmae": "x"}, "mine.yaml: 'nmae' is not a setting: did you mean 'name'?"),
        ({"coats": 3}, "mine.yaml: 'coats' is not a setting: did you mean 'paint.coats'?"),
        ({"paint": {"coat": 3}}, "'paint.coat' is not a setting: did you mean 'paint.coats'?"),
        ({"paint": {"qqq": 3}}, "'paint.qqq' is not a setting: known are paint.coats, paint.t"),
        ({"paint": {"coats": "two"}}, "mine.yaml: paint.coats is 'two': .*integer"),
        ({"paint": {"coats": True}}, "mine.yaml: paint.coats is True: .*integer"),
        ({"paint": {"coats": 2.5}}, "mine.yaml: paint.coats is 2.5: .*integer"),
        ({"weight": "1"}, "mine.yaml: weight is '1': .*number"),
        ({"heavy": 1}, "mine.yaml: heavy is 1: .*boolean"),
        ({"name": None}, "mine.yaml: name is None: .*string"),
        ({"parts": "abc"}, "mine.yaml: parts is 'abc': .*array"),
        ({"paint": {"tint": [1, 2]}}, "mine.yaml: paint.tint is .*: .*"),
        ({"paint": {"tint": "red"}}, "mine.yaml: paint.tint: 'red' is not a colour"),
        ({"paint": 3}, "mine.yaml: paint is 3: settings by their names were expected"),
        ({"paint": {"coats": 0}}, "mine.yaml: paint: coats is 0: at least 1 is needed"),
        (["name"], "mine.yaml: the file is .*: settings by their names were expected"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_path(content, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_the_last_layer_wins_value_by_value():
    layers = (
        {"name": "a", "paint": {"coats": 5, "tint": (1, 1, 1)}},
        {"paint": {"coats": 7}},
        {"weight": 3.0},
    )
    merged = merge(Thing, *layers)
    assert build(Thing, merged) == Thing("a", 3.0, paint=Paint(7, (1, 1, 1)))


def test_what_differs_from_the_defaults_is_named_by_its_path():
    assert changed(Thing()) == set()
    assert changed(Thing(weight=2.0, paint=Paint(coats=3))) == {"weight", "paint.coats"}


def test_what_was_given_is_named_by_its_path_even_if_it_is_the_default():
    assert names_in(Thing, {"name": "box", "paint": {"coats": 2}}) == {"name", "paint.coats"}


@dataclass(frozen=True)
class Crate(Thing):
    """A thing that holds others."""

    weight: float = 9.5
    """With what is in it."""
    lid: bool = True
    """Whether it closes."""


def test_a_class_has_the_fields_and_texts_of_the_one_it_stands_on_and_its_own_win():
    found = {".".join(value.path): value for value in values_of(Crate)}
    assert list(found) == [
        *("name", "weight", "heavy", "parts", "paint.coats", "paint.tint"),
        "lid",
    ]
    assert found["name"].help == "What it is called."
    assert (found["weight"].help, found["weight"].default) == ("With what is in it.", 9.5)
    assert found["lid"].help == "Whether it closes."
    assert found["paint.coats"].panel == "Paint"
