"""The trace beside a result."""

import json

import pytest

from zeroreal.report.results.result import BenchmarkResult, Figures, joined_figures
from zeroreal.report.results.writing import write_result

EVENTS = ({"name": "text", "ph": "X", "pid": 1, "tid": 1, "ts": 0.0, "dur": 2.5},)


@pytest.fixture
def written(tmp_path):
    """A function that writes a result with a trace, and gives the trace's path."""

    def write(trace):
        figures = Figures((), trace=trace)
        result = BenchmarkResult("latency", "", "", {}, {}, figures)
        write_result(tmp_path / "r.json", result)
        return tmp_path / "r.trace.json"

    return write


def test_events_are_written_as_perfetto_reads_them(written):
    content = json.loads(written(EVENTS).read_text())
    assert content == {"traceEvents": list(EVENTS), "displayTimeUnit": "ms"}


def test_a_result_without_a_trace_leaves_none_of_one_before(written):
    assert written(EVENTS).exists()
    assert not written(()).exists()


def test_of_several_processes_the_first_one_s_trace_stays():
    parts = [Figures((), trace=EVENTS), Figures((), trace=())]
    assert joined_figures(parts).trace == EVENTS
