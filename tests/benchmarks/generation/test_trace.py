"""Gaps in traces that are known, and what cannot be traced."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.settings import TraceSettings
from zeroreal.benchmarks.generation.trace import (
    Gaps,
    device_intervals,
    gaps_between,
    measure_trace,
)


def test_gaps_are_where_nothing_runs():
    # Work at 0-10, 5-20 (another stream), 30-40, 32-35 (within it), 40-50: one gap of 10.
    intervals = [(30.0, 40.0), (0.0, 10.0), (5.0, 20.0), (32.0, 35.0), (40.0, 50.0)]
    assert gaps_between(intervals) == Gaps(span=50.0, idle=10.0, longest=10.0, count=1)


def test_work_without_a_break_has_no_gaps():
    assert gaps_between([(3.0, 5.0), (5.0, 9.0)]) == Gaps(6.0, 0.0, 0.0, 0)


def test_only_what_runs_on_the_device_is_taken_from_a_trace():
    events = [
        {"cat": "kernel", "ts": 10, "dur": 5, "name": "convolution"},
        {"cat": "gpu_memcpy", "ts": 20, "dur": 1},
        {"cat": "gpu_memset", "ts": 22, "dur": 2},
        {"cat": "cpu_op", "ts": 0, "dur": 100},
        {"cat": "cuda_runtime", "ts": 4, "dur": 30},
        {"ph": "M", "name": "process_name"},
    ]
    assert device_intervals({"traceEvents": events}) == [(10, 15), (20, 21), (22, 24)]


@pytest.mark.parametrize(
    ("contender", "settings", "complaint"),
    [
        ("diffusers/fp32@8", {}, "'diffusers/fp32@8' cannot be traced: give ours with a batch"),
        ("ours:torch/fp32", {}, "'ours:torch/fp32' cannot be traced"),
        (
            "ours:torch/fp32@8",
            {"model": "a", "random_weights": "sd15"},
            "both a model and random weights were given",
        ),
        ("ours:torch/fp32@8", {"batches": 0}, "batches is 0: at least 1 is needed"),
        ("ours:torch/fp32@8", {"device": "cpu"}, "on 'cpu' there is no other device to wait for"),
    ],
)
def test_what_cannot_be_traced_gets_one_sentence(contender, settings, complaint):
    with pytest.raises(InputError) as error:
        measure_trace(TraceSettings(contender=contender, **settings))
    assert complaint in str(error.value)


@pytest.mark.gpu
def test_the_gaps_of_a_short_run_are_a_share_of_it(tmp_path):
    path = tmp_path / "trace.json"
    settings = TraceSettings(contender="ours:torch/fp32@2", steps=1, batches=2, trace=path)
    (row,) = measure_trace(settings).rows
    assert 0 <= row.metrics["idle_share"].median < 1
    assert path.exists()
