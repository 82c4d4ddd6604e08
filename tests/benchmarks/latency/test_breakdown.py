"""Batches taken apart, with intervals made by hand."""

import pytest

from zeroreal.benchmarks.latency.breakdown import BatchRecord
from zeroreal.generate.sampling.timeline import Interval

# On a GPU: prompts encoded in two calls, two steps, decoded in two parts.
RECORD = BatchRecord(
    began=100.0,
    seconds=10.0,
    intervals=(
        Interval("text", 0.0, 0.5, (0.0, 0.4)),
        Interval("text", 0.5, 1.0, (0.4, 0.5)),
        Interval("step", 3.0, 5.0),
        Interval("step", 1.0, 3.0),
        Interval("denoise", 1.0, 5.0, (0.5, 0.7)),
        Interval("vae", 5.0, 6.5, (0.7, 0.8)),
        Interval("finish", 6.5, 7.0, (0.8, 0.9)),
        Interval("vae", 7.0, 8.5, (0.9, 1.0)),
        Interval("finish", 8.5, 9.0, (1.0, 1.1)),
        Interval("decode", 5.0, 9.0, (0.7, 1.1)),
    ),
)


def test_a_stage_of_several_pieces_takes_their_sum_and_handing_off_what_is_left():
    assert RECORD.stage_seconds() == pytest.approx(
        {"text": 1.0, "denoise": 4.0, "vae": 3.0, "finish": 1.0, "hand-off": 1.0}
    )


def test_stages_without_gaps_make_up_the_whole():
    assert RECORD.share_of_stages() == pytest.approx(1)


def test_a_gap_between_stages_is_missing_from_the_whole():
    intervals = tuple(one for one in RECORD.intervals if one.name != "text")
    assert BatchRecord(0.0, 10.0, intervals).share_of_stages() == pytest.approx(0.9)


def test_the_host_s_seconds_are_those_that_were_seen():
    assert RECORD.enqueue_seconds() == pytest.approx(
        {"text": 0.5, "denoise": 0.2, "vae": 0.2, "finish": 0.2}
    )  # of steps in a graph there are none


def test_steps_come_in_order():
    assert [(one.began, one.ended) for one in RECORD.steps()] == [(1.0, 3.0), (3.0, 5.0)]
