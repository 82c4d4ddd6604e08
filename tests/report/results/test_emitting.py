"""Results as other tools read them: Bencher's rules, and statistics that pytest-benchmark gave."""

import json
import re
import statistics
from pathlib import Path

import pytest
from results import race, result, seconds

from zeroreal.report.results.emitting import bencher_metrics, pytest_benchmark
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Row

FIXTURES = Path(__file__).parents[2] / "fixtures"
# What pytest_benchmark.stats.Stats of that version says of the values in `data`.
GIVEN = json.loads((FIXTURES / "pytest-benchmark-5.3.1.json").read_text())


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: f"{given['rounds']} rounds")
def test_statistics_are_those_of_pytest_benchmark(given):
    values = tuple(given["data"])
    (one,) = pytest_benchmark(result(Row("a", metrics={"it": seconds(*values)})))["benchmarks"]
    assert one["stats"].keys() == given.keys() | {"iterations"}
    for name, value in given.items():
        expected = value if isinstance(value, str | list) else pytest.approx(value, rel=1e-12)
        assert one["stats"][name] == expected, name


def test_only_times_are_for_pytest_benchmark():
    names = [one["fullname"] for one in pytest_benchmark(race())["benchmarks"]]
    assert names == ["pace/plain[seconds]", "pace/ours[seconds]"]


def test_pytest_benchmark_is_told_revision_and_machine():
    content = pytest_benchmark(race())
    assert content["commit_info"] == {
        "id": "0123456789abcdef0123456789abcdef01234567",
        "dirty": False,
    }
    assert content["machine_info"]["device"] == "AMD EPYC 7B13, 2 threads"
    assert "conditions" not in content["machine_info"], "they differ from one second to the next"
    assert content["datetime"] == "2026-02-03T14:05:06+00:00"


def test_an_installed_package_has_no_revision():
    assert pytest_benchmark(result(environment={"git": None}))["commit_info"] == {
        "id": "unversioned",
        "dirty": False,
    }


def test_bencher_is_given_medians_between_quartiles():
    values = (4.0, 1.0, 2.0, 3.0, 5.0)
    row = Row("ours", "a case", {"seconds": seconds(*values)})
    assert bencher_metrics(result(row, Row("broken", reason="no"))) == {
        "pace/a case/ours": {
            "seconds": {
                "value": statistics.median(values),
                "lower_value": 2.0,
                "upper_value": 4.0,
            }
        }
    }


@pytest.mark.parametrize("name", ["images_per_second", "p99.9 of it", "_GB/s_"])
def test_measures_are_slugs(name):
    row = Row("a", metrics={name: Metric((1.0,), "1")})
    ((slug, _),) = bencher_metrics(result(row))["pace/a"].items()
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
