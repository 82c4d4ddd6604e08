"""Results of several processes as one, and the files of a result."""

import csv
import io

import pytest
from results import race, rate, result, seconds

from zeroreal.report.results.result import Figures, Row, joined_figures
from zeroreal.report.results.writing import csv_text, write_result


def part(value, reason=None, **changes):
    metrics = {} if reason else {"seconds": seconds(value, value + 1)}
    return Figures((Row("ours", "a", metrics, {"images": value}, reason),), **changes)


def test_values_of_processes_are_joined_row_by_row():
    (row,) = joined_figures([part(1.0), part(5.0)]).rows
    assert row.metrics["seconds"] == seconds(1.0, 2.0, 5.0, 6.0, processes=(2, 2))
    assert row.facts == {"images": 1.0}, "facts are the first's"


def test_what_one_process_could_not_serve_keeps_its_reason_and_no_figures():
    (row,) = joined_figures([part(1.0), part(5.0, reason="no memory")]).rows
    assert (row.metrics, row.reason) == ({}, "no memory")


def test_reasons_are_told_once_and_records_say_whose_they_are():
    joined = joined_figures(
        [
            part(1.0, reasons=("busy",), records=({"round": 0},)),
            part(2.0, reasons=("busy", "hot"), records=({"round": 0},), finished=False),
        ]
    )
    assert joined.reasons == ("busy", "hot")
    assert joined.records == ({"process": 0, "round": 0}, {"process": 1, "round": 0})
    assert not joined.finished


def test_a_row_is_found_by_its_case_and_name():
    shown = result(Row("ours", "a"), Row("ours", "b", reason="no"))
    assert shown.row("ours", "b").reason == "no"
    with pytest.raises(KeyError):
        shown.row("ours")


def test_the_csv_file_has_a_line_for_each_metric():
    row = Row("ours", 'a "case", quoted', {"seconds": seconds(1.0, 2.0), "rate": rate(3.0)})
    first, second = csv.DictReader(io.StringIO(csv_text(result(row))))
    assert (first["case"], first["metric"], first["unit"]) == ('a "case", quoted', "seconds", "s")
    assert (first["p50"], first["p99"], first["count"]) == ("1.5", "", "2")
    assert (second["metric"], second["better"], second["avg"]) == ("rate", "higher", "3.0")


def test_a_result_whose_facts_are_no_json_leaves_the_file_before(tmp_path):
    path = tmp_path / "r.json"
    write_result(path, race())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_result(path, result(figures={"facts": {"share": float("nan")}}))
    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"r.json", "r.csv", "r.html"}


def test_names_in_the_csv_file_are_no_formulas():
    row = Row("-cmd", "=1+1", {"seconds": seconds(1.0)})
    (read,) = csv.DictReader(io.StringIO(csv_text(result(row))))
    assert (read["case"], read["name"]) == ("'=1+1", "'-cmd")
