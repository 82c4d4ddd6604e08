"""Markers in a text: the figures that come between them, and what is said of a wrong one."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.documented.markers import files, rendered
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import BenchmarkResult, Figures, Row


def rate(*values):
    return {"images_per_second": Metric(values, "images/s", "higher")}


ROWS = (
    Row("theirs", "32 pixels", rate(10.0, 20.0, 30.0), {"batch_size": 64}, is_baseline=True),
    Row("ours", "32 pixels", rate(20.0, 60.0, 45.0)),
    Row("ours, 1 thread", "256 pixels", rate(12_345.6)),
    Row("broken", "256 pixels", reason="no memory"),
)


@pytest.fixture
def results(tmp_path):
    """A folder with a result; and a function that writes another."""

    def write(figures):
        about = {"device": "a processor, 2 threads", "torch": "2.14.1"}
        result = BenchmarkResult(
            "some", "zeroreal bench", "2026-11-27T01:02:03", about, {}, figures
        )
        (tmp_path / "r.json").write_text(json.dumps(result.content()))
        return tmp_path

    write(Figures(ROWS, {"weight_bytes": 2.06e9}))
    tmp_path.joinpath("run.json").write_text('{"seconds": {"train": 46.755}, "name": "a"}')
    write.folder = tmp_path
    return write


def between(marker, results):
    text = rendered(f"before {marker}old<!-- end --> after", results.folder)
    assert text.startswith(f"before {marker}")
    assert text.endswith("<!-- end --> after")
    return text.removeprefix(f"before {marker}").removesuffix("<!-- end --> after")


def test_a_table_has_a_line_for_each_row_with_figures(results):
    assert between("<!-- figures: r.json columns=images/s,batch -->", results) == (
        "\n\n"
        "|  | images/s | batch |\n"
        "| --- | ---: | ---: |\n"
        "| 32 pixels: theirs | 20 | 64 |\n"
        "| 32 pixels: ours | 45 | - |\n"
        "| 256 pixels: ours, 1 thread | 12,350 | - |"
        "\n\n"
    )


def test_a_table_of_one_case_or_of_some_rows(results):
    table = between('<!-- figures: r.json case="32 pixels" columns=images/s -->', results)
    assert table.splitlines()[4:6] == ["| theirs | 20 |", "| ours | 45 |"]
    table = between('<!-- figures: r.json rows="ours, 1 thread;ours" columns=images/s -->', results)
    assert [line.split(" | ")[0] for line in table.splitlines()[4:6]] == [
        "| 256 pixels: ours, 1 thread",
        "| 32 pixels: ours",
    ]


def test_a_figure_is_one_cell(results):
    marker = '<!-- figure: r.json case="256 pixels" row="ours, 1 thread" column=images/s -->'
    assert between(marker, results) == "12,350"


def test_a_figure_against_another_row_is_that_of_the_rounds(results):
    marker = (
        '<!-- figure: r.json case="32 pixels" row=ours against=theirs column=images/s-ratio -->'
    )
    assert between(marker, results) == "2.00"  # of 2, 3 and 1.5


def test_a_figure_without_a_row_is_a_fact_of_the_result(results):
    assert between("<!-- figure: r.json column=weights-GB -->", results) == "2.06"


def test_when_and_on_what_it_was_measured(results):
    found = between("<!-- measured: r.json -->", results)
    assert found == "2026-11-27, a processor, 2 threads, torch 2.14.1"


def test_a_value_of_any_json_file(results):
    assert between("<!-- value: run.json at=seconds.train form=.1f -->", results) == "46.8"
    marker = "<!-- value: run.json at=seconds.train form=.0f scale=1e3 -->"
    assert between(marker, results) == "46755"


def test_reasons_against_a_result_are_under_its_table(results):
    results(Figures(ROWS, reasons=("2 rounds are few", "busy"), finished=True))
    table = between("<!-- figures: r.json columns=images/s -->", results)
    assert table.endswith("\n\n*With care: 2 rounds are few (1 more in the file).*\n\n")
    results(Figures(ROWS, finished=False))
    table = between("<!-- figures: r.json columns=images/s -->", results)
    assert table.endswith("\n\n*With care: the measurement was not finished.*\n\n")


@pytest.mark.parametrize("kind", ["figures", "figure", "measured", "value"])
def test_what_is_not_measured_says_so(results, kind):
    assert between(f"<!-- {kind}: none.json -->", results).strip() == "not measured yet"


@pytest.mark.parametrize("kind", ["figures", "figure", "measured"])
def test_a_result_that_was_interrupted_before_its_first_round_is_none(results, kind):
    results(Figures((Row("ours"),), finished=False))
    assert between(f"<!-- {kind}: r.json -->", results).strip() == "not measured yet"


def test_what_is_written_already_stays(results):
    text = "<!-- figures: r.json columns=images/s -->x<!-- end -->\n<!-- measured: r.json -->"
    once = rendered(f"{text}<!-- end -->", results.folder)
    assert rendered(once, results.folder) == once


def test_files_of_a_text():
    text = "<!-- figure: a.json column=x -->1<!-- end --> <!-- measured: b.json --><!-- end -->"
    assert list(files(text)) == ["a.json", "b.json"]


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("figures: r.json columns=image/s", "unknown column of a marker 'image/s'"),
        ("figures: r.json colums=images/s", "has 'colums': known are columns, case, rows"),
        ("figures: r.json case=none columns=images/s", "chooses no row that has figures"),
        ('figures: r.json case="256 pixels" rows=broken columns=images/s', "chooses no row"),
        ("figure: r.json column=images/s", "names a figure that is not there"),
        ("figure: r.json row=ours column=images/s", "names the row 'ours': there are "),
        ('figure: r.json case="32 pixels" row=ours column=GB', "names a figure that is not there"),
        ("value: run.json at=seconds.test", "names no number"),
        ("value: run.json at=name", "names no number"),
        ("figure: run.json column=GB", "is no benchmark's result"),
    ],
)
def test_a_wrong_marker_gets_one_sentence(results, marker, complaint):
    with pytest.raises(InputError) as error:
        rendered(f"<!-- {marker} -->1<!-- end -->", results.folder)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "<!-- measured: r.json --> and no end",
        "<!-- measured: r.json --> <!-- measured: r.json --><!-- end -->",
    ],
)
def test_a_marker_without_an_end_is_refused(results, text):
    with pytest.raises(InputError, match="has no <!-- end -->"):
        rendered(text, results.folder)
