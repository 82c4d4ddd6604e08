"""Values of others: one sentence for the first that is not as declared."""

from dataclasses import dataclass

import pytest
from pydantic import PositiveInt

from zeroreal.base import InputError
from zeroreal.base.foreign import ForeignValues, check_fields, check_values


class Inner(ForeignValues):
    sizes: list[PositiveInt]


class Outer(ForeignValues):
    name: str = "none"
    scale: float = 1.0
    size: int | list[int] = 1
    inner: dict[str, Inner] = {}  # noqa: RUF012


@dataclass(frozen=True)
class Pair:
    names: tuple[str, ...]
    scale: float = 1.0


WRONG = [
    ({"name": 5}, "has 5 as 'name': input should be a valid string; mend it"),
    ({"scale": "1"}, "has '1' as 'scale': input should be a valid number; mend it"),
    ({"scale": float("nan")}, "has nan as 'scale': input should be a finite number; mend it"),
    ({"size": "x"}, "has 'x' as 'size': "),
    ({"size": True}, "has True as 'size': "),
    ({"inner": {"a": {}}}, "lacks 'inner.a.sizes'; mend it"),
    ({"inner": {"a": {"sizes": [1, 0]}}}, "has 0 as 'inner.a.sizes[1]': input should be greater"),
    ({"inner": {"\x1b[31m": 5}}, r"has 5 as 'inner.\x1b[31m'"),
    ({"name": ["y" * 10**6]}, "has ['yyyyy"),
    ([1], "is [1] and not values by their names; mend it"),
    (None, "is None and not values by their names; mend it"),
]


@pytest.mark.parametrize(("content", "complaint"), WRONG)
def test_a_wrong_value_is_one_short_sentence(content, complaint):
    with pytest.raises(InputError) as caught:
        check_values(Outer, content, "file 'x.json'", "mend it")
    said = str(caught.value)
    assert said.startswith(f"file 'x.json' {complaint}")
    assert said.isprintable()
    assert len(said) < 300


def test_other_fields_are_let_through_and_whole_numbers_are_numbers():
    values = check_values(Outer, {"scale": 2, "more": [float("inf")]}, "x", "mend it")
    assert (values.name, values.scale, values.size) == ("none", 2, 1)


def test_a_dataclass_gets_tuples_of_lists():
    assert check_fields(Pair, {"names": ["a", "b"], "scale": 2}, "x", "") == Pair(("a", "b"), 2.0)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "x lacks 'names'; mend it"),
        ({"names": "ab"}, "x has 'ab' as 'names': input should be a valid array; mend it"),
        ({"names": ["a", 5]}, "x has 5 as 'names[1]': input should be a valid string; mend it"),
        ({"names": [], "scale": "2"}, "x has '2' as 'scale': input should be a valid number"),
        ("ab", "x is 'ab' and not values by their names; mend it"),
    ],
)
def test_a_wrong_field_of_a_dataclass_is_one_sentence(content, complaint):
    with pytest.raises(InputError) as caught:
        check_fields(Pair, content, "x", "mend it")
    assert str(caught.value).startswith(complaint)
