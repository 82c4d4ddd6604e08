"""The benchmark of planning, with few shards."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.writing.plan import PlanBenchSettings, bench_plan


def test_planning_and_status_are_timed(tmp_path):
    path, lines = tmp_path / "plan.json", []
    result = bench_plan(PlanBenchSettings(shards=40, rounds=2, result=path), lines.append)
    assert json.loads(path.read_text()) == result
    assert (result["shards"], result["done"]) == (40, 20)
    for name in ("planning", "status"):
        assert len(result[name]["seconds"]) == 2
        assert all(seconds > 0 for seconds in result[name]["seconds"])
    assert lines == ["40 shards, 20 of them done"]


@pytest.mark.parametrize(
    ("changes", "said"), [({"shards": 1}, "shards is 1"), ({"rounds": 0}, "0")]
)
def test_too_few_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        bench_plan(PlanBenchSettings(**changes))
