"""Results read back, and files that are none, told in a sentence."""

import copy
import json

import pytest
from results import race, rate, result

from zeroreal.base import InputError
from zeroreal.report.results.reading import read_records, read_result, result_of
from zeroreal.report.results.result import Row
from zeroreal.report.results.writing import write_result


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "race.json"
    write_result(path, race())
    return path


def complaint_of(path):
    with pytest.raises(InputError) as error:
        read_result(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_result_is_read_as_it_was_written(written):
    assert read_result(written) == race()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_is_cut_off_is_told(written, share):
    content = written.read_bytes().rstrip()
    written.write_bytes(content[: int(len(content) * share)])
    assert "is not whole JSON" in complaint_of(written)
    assert "measure again" in complaint_of(written)


def test_what_no_program_wrote_is_told(written):
    written.write_bytes(b"\xff\xfe\x00")
    assert "is not whole JSON" in complaint_of(written)
    written.write_bytes(b"[" * 100_000)
    assert "has 101 or more levels of nesting" in complaint_of(written)


def test_a_file_that_is_not_there_is_told(tmp_path):
    told = complaint_of(tmp_path / "none.json")
    assert told.endswith(
        "none.json' cannot be read (No such file or directory): give the JSON file that --result "
        "named"
    )


def test_another_version_of_the_schema_is_told(written):
    content = json.loads(written.read_text()) | {"version": 2}
    written.write_text(json.dumps(content))
    assert "has version 2 of the schema, this zeroreal reads 1" in complaint_of(written)


@pytest.mark.parametrize("content", [[], {}, {"contenders": []}, "text", None])
def test_other_json_is_no_result(content):
    with pytest.raises(InputError, match="is no benchmark's result"):
        result_of(content)


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("rows",), None, "the result has rows None, not a list: measure again"),
        (("settings",), [], "has settings [], not a dict"),
        (("rows", 0), 7, "the result, row 1 is 7: names and metrics were expected"),
        (("rows", 0, "name"), 7, "the result, row 1 has name 7, not a str"),
        (("rows", 2, "reason"), 7, "the result, row 3 has reason 7: text or null was expected"),
        (("rows", 1, "metrics", "seconds"), 7, "row 2, seconds is no metric"),
        (("rows", 1, "metrics", "seconds", "avg"), 7.0, "row 2, seconds has avg 7.0 where"),
        (("rows", 1, "name"), "plain", "the result has the row 'plain' twice"),
        (("valid",), False, "the result says valid False against its reasons"),
        (("finished",), False, "the result says valid True against its reasons"),
        (("reasons",), ["it was busy"], "the result says valid True against its reasons"),
    ],
)
def test_what_was_changed_by_hand_is_told(place, value, complaint):
    content = copy.deepcopy(race().content())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(InputError) as error:
        result_of(content)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_records_are_read_from_the_file_beside(tmp_path):
    records = ({"batch": 0, "seconds": 0.5}, {"batch": 1, "name": "line\u2028separator"})
    write_result(tmp_path / "r.json", result(Row("a"), figures={"records": records}))
    assert read_records(tmp_path / "r.json") == records
    assert read_records(tmp_path / "other.json") == ()


def test_records_that_are_cut_off_are_told(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"batch": 0}\n{"batch": 1, "sec')
    with pytest.raises(InputError, match=r"line 2: '.*\"sec' is no JSON object"):
        read_records(tmp_path / "r.json")


def test_a_result_without_records_leaves_none_of_an_earlier_one(tmp_path):
    path = tmp_path / "r.json"
    write_result(path, result(Row("a"), figures={"records": ({"batch": 0},)}))
    write_result(path, result(Row("a", metrics={"images_per_second": rate(1.0)})))
    assert not path.with_suffix(".jsonl").exists()
