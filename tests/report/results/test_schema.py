"""The schema of results: real ones meet it, changed ones do not, the documentation has all."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import torch
from results import race, result, seconds

from zeroreal.report import results
from zeroreal.report.results.conditions import GPU_FIELDS, Conditions
from zeroreal.report.results.emitting import FORMS
from zeroreal.report.results.environment import result_environment
from zeroreal.report.results.result import SCHEMA as SCHEMA_NAME
from zeroreal.report.results.result import VERSION, Row
from zeroreal.report.results.writing import csv_text, write_result

SCHEMA = json.loads(Path(results.__file__).with_name(f"schema-{VERSION}.json").read_text())
DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")
STORED = Path(__file__).parents[3] / "benchmarks" / "results"
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def real():
    """A result with the environment and conditions of this machine."""
    cpu = torch.device("cpu")
    environment = {**result_environment(cpu), "conditions": Conditions(cpu, look=0).content()}
    row = Row("ours", "a case", {"seconds": seconds(*map(float, range(1, 1001)))}, {"images": 8})
    return result(row, Row("broken", reason="no kernel"), environment=environment)


def properties(schema):
    """The names of all properties, at any depth."""
    if isinstance(schema, list):
        return {name for one in schema for name in properties(one)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties", {})
    return {*own, *(name for one in schema.values() for name in properties(one))}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("make", [real, race, result])
def test_results_meet_it(make):
    CHECK.validate(json.loads(json.dumps(make().content(), allow_nan=False)))


def test_the_results_behind_the_documents_meet_it():
    stored = [json.loads(path.read_text()) for path in STORED.glob("*.json")]
    ours = [content for content in stored if content.get("schema") == SCHEMA_NAME]
    assert ours
    for content in ours:
        CHECK.validate(content)


def test_it_knows_what_a_gpu_is_asked():
    assert set(SCHEMA["$defs"]["gpu"]["properties"]) == set(GPU_FIELDS)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), 2),
        (("valid",), None),
        (("finished",), False),  # and valid
        (("extra",), 1),
        (("reasons",), ["it was busy"]),  # and valid
        (("rows", 0, "case"), None),
        (("rows", 0, "extra"), 1),
        (("rows", 0, "metrics", "Seconds"), {}),
        (("rows", 0, "metrics", "seconds", "p99"), "fast"),
        (("rows", 0, "metrics", "seconds", "better"), "faster"),
        (("rows", 0, "metrics", "seconds", "values"), []),
        (("environment", "git"), {"revision": "main", "clean": True}),
        (("environment", "conditions", "stolen_share"), 3),
    ],
)
def test_what_is_not_as_it_says_is_refused(place, value):
    content = copy.deepcopy(race().content())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert not CHECK.is_valid(content)


def test_every_key_is_documented():
    named = set(re.findall(r"`([^`\n]+)`", DOCUMENTATION))
    assert properties(SCHEMA) - named == set()


def test_every_file_that_is_written_is_documented(tmp_path):
    kept = result(Row("a"), figures={"records": ({"batch": 0},)})
    write_result(tmp_path / "FILE.json", kept)
    names = {path.name for path in tmp_path.iterdir()} | {f"FILE.{form}.json" for form in FORMS}
    assert {name for name in names if f"`{name}`" not in DOCUMENTATION} == set()


def test_the_columns_of_the_csv_file_are_documented():
    section = DOCUMENTATION.partition("## The CSV file")[2].partition("## ")[0]
    head = csv_text(race()).splitlines()[0].split(",")
    absent = [name for name in head if f"`{name}`" not in section]
    assert absent == ["p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"], "from p1 to p99.9"
