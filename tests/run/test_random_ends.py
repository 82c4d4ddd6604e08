"""Runs that end at random moments; `tests/helpers/end_runs.py` ends more of them by hand."""

import json
import subprocess
import sys

import end_runs
import pytest

pytestmark = pytest.mark.slow  # a series of kills

COUNTS = {"kill": 4, "hangup": 3, "fill": 3}


def ended(work, kind):
    counts = [f"--{name}s={COUNTS[name] if name == kind else 0}" for name in COUNTS]
    command = [sys.executable, end_runs.__file__, str(work), *counts]
    done = subprocess.run(command, capture_output=True, text=True)
    if "no tmpfs can be mounted" in done.stderr:
        pytest.skip("no tmpfs can be mounted here: test_survival.py limits files instead")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sum(row["status"] != 0 for row in rows) == COUNTS[kind], done.stderr
    return done, rows


@pytest.mark.parametrize("kind", COUNTS)
def test_whenever_a_run_ends_nothing_is_lost_and_nothing_made_twice(kind, tmp_path):
    done, rows = ended(tmp_path / "work", kind)
    assert done.returncode == 0, done.stdout
    assert {row["made_again"] for row in rows} == {0}
    assert [row["differing"] for row in rows] == [[]] * len(rows)
    assert (tmp_path / "work" / "whole" / "metrics.json").is_file()
    assert not list((tmp_path / "work" / "fill").iterdir())
