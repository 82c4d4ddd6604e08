"""`zeroreal bench compare` and `bench page`: what they print and write, what they refuse."""

import io
import json
import re

import pytest
from pace import PACE, PaceSettings
from results import rate, result, seconds
from rich.console import Console

from zeroreal.benchmarks import registry
from zeroreal.benchmarks.bench import bench
from zeroreal.cli.bench.command import rich_table, show
from zeroreal.report.results import conditions
from zeroreal.report.results.comparing import compare
from zeroreal.report.results.comparison_table import comparison_tables
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Row
from zeroreal.report.results.writing import write_result

EACH = (1,) * 5
STEADY = (1.0, 1.01, 0.99, 1.005, 0.995)
SLOWER = tuple(1.1 * value for value in STEADY)


def row(values, name="ours:torch:compiled/bf16@64", case="a case of which there is much to say"):
    """A row with the metrics that the longest tables have."""
    metrics = {
        "seconds": seconds(*values, processes=EACH),
        "images_per_second": rate(*(1e5 / value for value in values), processes=EACH),
        "peak_memory_bytes": Metric((1e9,) * 5, "B", "lower", EACH),
        "share_of_ceiling": Metric((0.4,) * 5, "1", "higher"),
    }
    return Row(name, case, metrics)


@pytest.fixture
def written(tmp_path):
    """A function that writes a result and gives its file."""

    def write(name, *rows, **changes):
        path = tmp_path / f"{name}.json"
        write_result(path, result(*rows, **changes))
        return path

    return write


def test_changes_are_told_by_how_much_and_whether_they_are_noise(command, written):
    before, after = written("before", row(STEADY)), written("after", row(SLOWER))
    done = command("bench", "compare", before, after)
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert any(re.fullmatch(r"seconds 1 1\.1 s 1\.100 \([\d.]+-[\d.]+\) worse", x) for x in lines)
    assert any(re.fullmatch(r"images_per_second .* 0\.909 \(.*\) worse", x) for x in lines)
    assert any(x.endswith("1.000 (1.000-1.000) noise") for x in lines)
    assert "share_of_ceiling 40 40 % 1.000 -" in lines
    assert "2 worse; 1 within noise, at 95 %: of 3 equal metrics about 0.2 would" in done.shown
    assert "1 not to be told from noise: both results need values above 0 of 5 proc" in done.shown


def test_tables_fit_a_terminal_of_80_columns():
    ((case, table),) = comparison_tables(compare(result(row(STEADY)), result(row(SLOWER))))
    terminal = Console(width=80, file=io.StringIO(), color_system=None)
    terminal.print(rich_table(table, case))
    lines = terminal.file.getvalue().replace("\xa0", " ").splitlines()
    assert max(map(len, lines)) <= 80
    for whole in ("images_per_second", "90,909 images/s", "0.909 (0.896-0.923)", "noise"):
        assert any(whole in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"benchmark": "race"}, "one result is of 'pace', the other of 'race'"),
        ({"settings": {"rounds": 5}}, "setting rounds: 3 and 5"),
        ({"environment": {"device": "NVIDIA H100"}}, "and 'NVIDIA H100'"),
    ],
)
def test_results_of_something_else_are_refused(command, written, changes, complaint):
    done = command("bench", "compare", written("a", row(STEADY)), written("b", **changes))
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.shown


def test_other_settings_are_compared_by_force_and_told(command, written):
    after = written("b", row(SLOWER), settings={"rounds": 5})
    done = command("bench", "compare", written("a", row(STEADY)), after, "--force")
    assert done.returncode == 0
    assert "different: setting rounds: 3 and 5" in done.shown
    assert "worse" in done.shown


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"schema": "zeroreal-benchmark", "vers', "is not whole JSON"),
        ('{"schema": "zeroreal-benchmark", "version": 2}', "has version 2 of the schema"),
        ("[]", "is no benchmark's result"),
    ],
)
@pytest.mark.parametrize("name", ["compare", "page"])
def test_what_is_no_result_is_refused_in_a_sentence(command, written, name, content, complaint):
    good = written("good", row(STEADY))
    bad = good.with_name("bad.json")
    bad.write_text(content)
    done = command("bench", name, good, bad)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr


def test_pages_are_written_beside_their_results(command, written):
    paths = [written("one", row(STEADY)), written("two", row(SLOWER))]
    pages = [path.with_suffix(".html") for path in paths]
    for page in pages:
        page.unlink()
    done = command("bench", "page", *paths)
    assert done.returncode == 0
    assert done.stdout.split() == [str(page) for page in pages]
    assert all("images_per_second" in page.read_text() for page in pages)


def test_records_that_are_cut_off_are_refused(command, written):
    path = written("one", row(STEADY))
    path.with_suffix(".jsonl").write_text('{"batch"')
    done = command("bench", "page", path)
    assert done.returncode == 2
    assert "is no JSON object" in done.shown


def test_a_benchmarks_result_is_shown_with_its_verdict(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(registry.BENCHMARKS, "pace", PACE)
    monkeypatch.setattr(conditions, "_LOOK", 0.0)
    monkeypatch.setattr(conditions.Conditions, "reasons", lambda self: ["the machine was busy"])
    show(bench("pace", PaceSettings(folder=str(tmp_path)), path=tmp_path / "r.json"), PACE)
    shown = capsys.readouterr().out
    assert "2.00" in shown
    assert "INVALID\nnot to be trusted: the machine was busy\n" in shown
    assert json.loads((tmp_path / "r.json").read_text())["valid"] is False
