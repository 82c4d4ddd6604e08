"""Settings of the benchmark: what people write, and what is refused."""

import pytest

from zeroreal.base import InputError
from zeroreal.base.settings import values_of
from zeroreal.benchmarks.e2e.settings import E2eSettings


def reader(name):
    return next(value.option.read for value in values_of(E2eSettings) if value.path == (name,))


def test_lists_are_separated_by_commas():
    assert reader("images")("400, 800") == (400, 800)
    assert reader("levels")("0.5") == (0.5,)
    with pytest.raises(InputError, match="'one' is no list of seeds: separate them by commas"):
        reader("seeds")("one")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"levels": (0.7, 1.2)}, "level 1.2 is no accuracy to be reached: give a share between"),
        ({"levels": (72.0,)}, "level 72 is no accuracy"),
        ({"levels": (float("nan"),)}, "level nan is no accuracy"),
        ({"seeds": ()}, "no seeds are given: name at least one"),
        ({"seeds": (0, 0)}, "seeds have 0 twice: name each once"),
        ({"seeds": (-1,)}, "seed -1 is outside 0..2^63-1"),
        ({"images": ()}, "no images are given"),
        ({"images": (405,)}, "images is 405: give multiples of 10"),
        ({"images": (0,)}, "images is 0: give multiples of 10"),
        ({"contenders": ("ours", "ours")}, "contenders have 'ours' twice"),
    ],
)
def test_bad_settings_get_one_sentence(changes, complaint):
    with pytest.raises(InputError) as error:
        E2eSettings(**changes)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
