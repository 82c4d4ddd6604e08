"""Figures in the prefix that suits."""

import pytest

from zeroreal.report.results.units import figure, scale_of


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.0012345, "s", "1.234 ms"),
        (12.0, "s", "12 s"),
        (4321.0, "s", "4,321 s"),
        (2e-10, "s", "0.2 ns"),
        (0.0, "s", "0 s"),
        (3 * 2**29, "B", "1.5 GiB"),
        (2.5e10, "B/s", "25 GB/s"),
        (1.2345e12, "FLOP/s", "1.234 TFLOP/s"),
        (0.4567, "1", "45.7 %"),
        (-0.0123, "1", "-1.23 %"),
        (2.0, "x", "2×"),
        (0.16312, "x", "0.163×"),
        (12345.6, "images/s", "12,346 images/s"),
        (7.0, "", "7"),
    ],
)
def test_a_figure_has_the_unit_that_suits(value, unit, expected):
    assert figure(value, unit).replace("\xa0", " ") == expected


def test_figures_beside_each_other_share_the_largest_ones_unit():
    scale = scale_of("s", (0.5, 0.0002, 12.0))
    assert (scale.number(0.0002), scale.figure(12.0)) == ("0.0002", "12\xa0s")
