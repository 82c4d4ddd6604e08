"""Figures of rows from rounds made by hand."""

import numpy as np
import pytest

from zeroreal.benchmarks.harness import Measurement
from zeroreal.benchmarks.waterfall.chain import Link
from zeroreal.benchmarks.waterfall.figures import (
    Difference,
    Measured,
    Ready,
    difference,
    rows_of,
)

SAME = Difference(0.0, 0, None)


def row(name, before, seconds, apart=SAME):
    """A row of 10 FLOP an image that took `seconds` in its rounds."""
    ready = Ready(4, 10.0, 2_000_000_000, 1.5, apart)
    return Measured(Link(name, f"ours:{name}", before, "much"), Measurement(name, seconds), ready)


def test_ratios_are_to_the_first_row_and_to_the_one_before():
    measured = [
        row("a", None, [4.0, 8.0]),
        row("b", "a", [2.0, 2.0]),
        row("c", "b", [1.0, 0.5]),
    ]
    a, b, c = rows_of(measured, images=8)
    assert a.metrics["ratio"].values == (1.0, 1.0)
    assert "ratio_before" not in a.metrics
    assert b.metrics["ratio"].values == b.metrics["ratio_before"].values == (2.0, 4.0)
    assert c.metrics["ratio"].values == (4.0, 16.0)
    assert c.metrics["ratio_before"].values == (2.0, 4.0)
    assert (a.is_baseline, b.is_baseline) == (True, False)


def test_rates_follow_from_images_and_flop():
    (a,) = rows_of([row("a", None, [2.0])], images=8)
    assert a.metrics["images_per_second"].values == (4.0,)
    assert a.metrics["flop_per_second"].values == (40.0,)
    assert a.metrics["memory_bytes"].values == (2e9,)
    assert dict(a.facts) == {
        "contender": "ours:a",
        "from": None,
        "changes": "much",
        "batch_size": 4,
        "flop_per_image": 10.0,
    }


def test_a_row_that_cannot_serve_has_its_reason_and_the_next_is_the_first():
    failed = Measured(Link("a", "ours:a", None, ""), Measurement("a", reason="no compiler"))
    a, b, c = rows_of([failed, row("b", "a", [2.0]), row("c", "b", [1.0])], images=8)
    assert (a.reason, dict(a.metrics)) == ("no compiler", {})
    assert b.is_baseline
    assert "ratio_before" not in b.metrics
    assert c.metrics["ratio"].values == (2.0,)


def test_a_row_that_fails_on_the_way_keeps_its_rounds_and_reason():
    broken = row("b", "a", [2.0])
    broken.measurement.reason = "out of memory"
    _, b = rows_of([row("a", None, [4.0, 4.0]), broken], images=8)
    assert b.reason == "out of memory"
    assert b.metrics["ratio"].values == (2.0,)


def test_the_difference_is_that_of_the_pixels():
    first = np.zeros((1, 2, 2, 1), np.uint8)
    other = np.array([0, 0, 3, 255], np.uint8).reshape(first.shape)
    found = difference(other, first)
    assert (found.mean, found.max) == (64.5, 255)
    # Mean of the squares (9 + 65025) / 4 = 16258.5; 10 log10(65025 / 16258.5).
    assert found.psnr == pytest.approx(6.02, abs=0.01)
    assert difference(first, other) == found, "unsigned pixels do not wrap around"
    assert difference(first, first) == SAME


def test_the_same_images_have_no_psnr():
    same, apart = rows_of(
        [row("a", None, [1.0]), row("b", "a", [1.0], Difference(0.5, 3, 40.0))], images=1
    )
    assert "psnr" not in same.metrics
    assert apart.metrics["psnr"].values == (40.0,)
    assert apart.metrics["mean_difference_of_255"].values == (0.5,)
    assert apart.metrics["max_difference_of_255"].values == (3.0,)
