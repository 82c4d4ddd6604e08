"""Figures of rows from rounds made by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.generation.entrant import Contest, Entrant, FirstRun
from zeroreal.benchmarks.generation.job import GenerationJob
from zeroreal.benchmarks.harness import Measurement, Rounds
from zeroreal.benchmarks.waterfall.chain import Link
from zeroreal.benchmarks.waterfall.figures import figures, peak_signal_to_noise

JOB = GenerationJob(Path("model"), (32, 32), 8, 12, None, "on", "base", "cpu", Path("cache"))
NAMES = {"a": "ours:torch/fp32", "b": "ours:auto/fp32", "c": "ours:onnxruntime/fp32"}
BEFORE = {"a": None, "b": "a", "c": "b"}


def pixels(*values):
    return np.array(values, np.uint8).reshape(1, 2, 2, 1)


BLACK = pixels(0, 0, 0, 0)


def measure(*, failed=(), images=None, broken=None, **seconds_of):
    """Figures of rows a, b and c, of 8 images of 10 FLOP, that took seconds in their rounds."""
    links = [Link(name, NAMES[name], BEFORE[name], "much") for name in seconds_of]
    entrants, measurements = [], []
    for name, seconds in seconds_of.items():
        entrant = Entrant(parse_contender(NAMES[name]), 4)
        if name in failed:
            entrants.append(replace(entrant, reason="no compiler"))
            continue
        first = FirstRun((images or {}).get(name, BLACK), 1.5, 0.1, 2_000_000_000, None)
        entrants.append(replace(entrant, first=first))
        reason = "out of memory" if name == broken else None
        measurements.append(Measurement(NAMES[name], seconds, reason))
    rounds = Rounds(tuple(measurements), 2, 2)
    flop = dict.fromkeys(NAMES.values(), 10.0)
    return figures(links, Contest(tuple(entrants), rounds, True), JOB, flop)


def test_ratios_are_to_the_first_row_and_to_the_one_before():
    a, b, c = measure(a=[4.0, 8.0], b=[2.0, 2.0], c=[1.0, 0.5]).rows
    assert a.metrics["ratio"].values == (1.0, 1.0)
    assert "ratio_before" not in a.metrics
    assert b.metrics["ratio"].values == b.metrics["ratio_before"].values == (2.0, 4.0)
    assert c.metrics["ratio"].values == (4.0, 16.0)
    assert c.metrics["ratio_before"].values == (2.0, 4.0)
    assert [row.is_baseline for row in (a, b, c)] == [True, False, False]


def test_rates_follow_from_images_and_flop():
    (a,) = measure(a=[2.0, 4.0]).rows
    assert a.metrics["images_per_second"].values == (4.0, 2.0)
    assert a.metrics["flop_per_second"].values == (40.0, 20.0)
    assert a.metrics["memory_bytes"].values == (2e9,)
    assert dict(a.facts) == {
        "contender": "ours:torch/fp32",
        "from": None,
        "changes": "much",
        "batch_size": 4,
        "flop_per_image": 10.0,
    }


def test_a_row_that_cannot_serve_has_its_reason_and_the_next_is_the_first():
    a, b, c = measure(a=[], b=[2.0, 2.0], c=[1.0, 1.0], failed="a").rows
    assert (a.name, a.reason, dict(a.metrics)) == ("a", "no compiler", {})
    assert b.is_baseline
    assert "ratio_before" not in b.metrics
    assert c.metrics["ratio"].values == (2.0, 2.0)


def test_a_row_that_fails_on_the_way_keeps_its_rounds_and_reason():
    _, b = measure(a=[4.0, 4.0], b=[2.0], broken="b").rows
    assert b.reason == "out of memory"
    assert b.metrics["ratio"].values == (2.0,)


def test_nothing_that_serves_is_a_reason_of_its_own():
    assert "no row could serve" in measure(a=[], failed="a").reasons


def test_the_difference_is_that_of_the_pixels():
    a, b = measure(a=[1.0], b=[1.0], images={"b": pixels(0, 0, 3, 255)}).rows
    assert b.metrics["mean_difference_of_255"].values == (64.5,)
    assert b.metrics["max_difference_of_255"].values == (255.0,)
    # Mean of the squares (9 + 65025) / 4 = 16258.5; 10 log10(65025 / 16258.5).
    assert b.metrics["psnr"].values == (pytest.approx(6.02, abs=0.01),)
    assert a.metrics["mean_difference_of_255"].values == (0.0,)
    assert "psnr" not in a.metrics, "of the same images it is infinite"


def test_unsigned_pixels_do_not_wrap_around():
    other = pixels(0, 0, 3, 255)
    assert peak_signal_to_noise(BLACK, other) == peak_signal_to_noise(other, BLACK)
    _, b = measure(a=[1.0], b=[1.0], images={"a": other}).rows
    assert b.metrics["mean_difference_of_255"].values == (64.5,)
