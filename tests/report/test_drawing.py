"""Axes and shapes of drawings."""

import pytest

from zeroreal.report.drawing import box, clipped, linear, logarithmic


def test_a_linear_axis_begins_at_zero_and_ends_at_a_round_number():
    axis = linear([3.0, 17.0], 100.0, 200.0)
    assert axis.marks == (0, 5, 10, 15, 20)
    assert [axis.place(value) for value in (0, 10, 20)] == [100, 150, 200]


def test_an_axis_of_zeros_can_be_drawn():
    axis = linear([0.0], 0.0, 10.0)
    assert axis.place(0.0) == 0


@pytest.mark.parametrize(
    ("values", "base", "marks"),
    [
        ([1, 2, 64], 2.0, (1, 2, 4, 8, 16, 32, 64)),
        ([3, 5], 2.0, (2, 4, 8)),
        ([0.3, 40], 10.0, (0.1, 1, 10, 100)),
        ([8], 2.0, (8, 16)),
    ],
)
def test_a_logarithmic_axis_has_the_powers_around_its_values(values, base, marks):
    axis = logarithmic(values, 0.0, 100.0, base)
    assert axis.marks == pytest.approx(marks)
    places = [axis.place(mark) for mark in axis.marks]
    assert places == pytest.approx(
        [100 * n / (len(marks) - 1) for n in range(len(marks))], abs=0.01
    )


def test_on_an_axis_that_rises_larger_values_lie_higher():
    axis = linear([10.0], 170.0, 10.0)
    assert axis.place(10.0) == 10
    assert axis.place(0.0) == 170


def test_what_is_nearly_nothing_can_still_be_seen():
    assert box(0, 0, 1e-9, 10, "bar").attributes["width"] == 0.6


def test_words_are_cut_where_there_is_no_room():
    assert clipped("abc", 100) == "abc"
    assert clipped("abcdefghij" * 10, 61).endswith("…")
    assert len(clipped("abcdefghij" * 10, 61)) <= 10
