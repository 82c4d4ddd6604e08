"""The benchmark of planning, with few shards."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.writing.plan import measure_plan
from zeroreal.benchmarks.writing.settings import PlanBenchSettings


def test_planning_and_status_are_timed():
    lines = []
    figures = measure_plan(PlanBenchSettings(shards=40, rounds=2), Progress(lines.append))
    assert figures.facts == {"shards": 40, "done": 20}
    assert [row.name for row in figures.rows] == ["planning", "status"]
    for row in figures.rows:
        seconds = row.metrics["seconds"].values
        assert len(seconds) == 2
        assert all(one > 0 for one in seconds)
    assert lines == ["40 shards, 20 of them done"]


@pytest.mark.parametrize(
    ("changes", "said"), [({"shards": 1}, "shards is 1"), ({"rounds": 0}, "rounds is 0")]
)
def test_too_few_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        measure_plan(PlanBenchSettings(**changes))
