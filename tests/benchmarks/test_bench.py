"""The front door of all benchmarks: files, conditions, repeats in processes, interruptions."""

import json
import os
import signal
import threading
import time

import pytest
from pace import PACE, PaceSettings

from zeroreal.base import InputError
from zeroreal.benchmarks import bench as front
from zeroreal.benchmarks import registry
from zeroreal.benchmarks.accuracy.settings import LeversSettings
from zeroreal.benchmarks.bench import bench, write_page
from zeroreal.report.results import conditions
from zeroreal.report.results.reading import read_result


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(registry.BENCHMARKS, "pace", PACE)
    monkeypatch.setattr(conditions, "_LOOK", 0.0)
    monkeypatch.setattr(front.Conditions, "reasons", lambda self: [])


@pytest.fixture
def pace(tmp_path):
    """A function that measures paces, and the file of their result."""
    folder = tmp_path / "marks"
    folder.mkdir()

    def measure(what="count", **arguments):
        settings = PaceSettings(what=what, folder=str(folder))
        return bench("pace", settings, path=tmp_path / "r.json", **arguments)

    measure.folder, measure.path = folder, tmp_path / "r.json"
    return measure


def interrupt_when(path):
    """Send this process Ctrl-C as soon as there is a file `path`."""

    def wait():
        while not path.exists():
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_a_result_has_its_files_and_is_read_back(pace, tmp_path):
    measured = pace(emit=("bmf", "pytest-benchmark"))
    assert read_result(pace.path).content() == measured.content()
    assert {path.name for path in tmp_path.glob("r.*")} == {
        "r.json",
        "r.csv",
        "r.html",
        "r.jsonl",
        "r.bmf.json",
        "r.pytest-benchmark.json",
    }
    bmf = json.loads((tmp_path / "r.bmf.json").read_text())
    assert bmf["pace/ours"]["seconds"]["value"] == 2.0


def test_a_result_has_machine_settings_and_conditions(pace):
    measured = pace()
    assert measured.settings == {"what": "count", "folder": str(pace.folder), "device": "cpu"}
    assert measured.environment["cpu"]["threads"] >= 1
    assert set(measured.environment["conditions"]) >= {"busy_share_before", "stolen_share"}


@pytest.mark.parametrize(("phases", "is_timed"), [(("images",), False), (("speed",), True)])
def test_accuracies_do_not_depend_on_how_busy_it_was(phases, is_timed):
    assert LeversSettings(phases=phases).is_timed is is_timed


def test_what_is_not_timed_is_valid_on_a_busy_machine(pace, monkeypatch):
    monkeypatch.setattr(front.Conditions, "reasons", lambda self: ["it was busy"])
    monkeypatch.setattr(PaceSettings, "is_timed", False, raising=False)
    assert pace().is_valid


def test_a_machine_that_was_busy_makes_a_result_invalid(pace, monkeypatch):
    monkeypatch.setattr(front.Conditions, "reasons", lambda self: ["it was busy"])
    measured = pace()
    assert not measured.is_valid
    assert measured.figures.reasons == ("it was busy",)


def test_what_is_measured_stays_if_the_benchmark_is_killed_after(pace, monkeypatch):
    kept = []
    monkeypatch.setattr(front, "write_result", lambda path, result, columns: kept.append(result))
    pace()
    assert len(kept) == 2, "once while it goes on, once at its end"


def test_repeats_are_processes_whose_values_are_told_apart(pace):
    told = []
    measured = pace(repeats=2, tell=told.append)
    metric = measured.row("ours").metrics["seconds"]
    assert metric.values == (1.0, 3.0, 2.0, 4.0)
    assert metric.processes == (2, 2)
    numbers = {path.read_text() for path in pace.folder.glob("process-*")}
    assert len(numbers) == 2
    assert str(os.getpid()) not in numbers
    assert told == ["process 1 of 2", "told by 0", "process 2 of 2", "told by 1"]
    records = pace.path.with_suffix(".jsonl").read_text().splitlines()
    assert [json.loads(line) for line in records] == [
        {"process": 0, "round": 0},
        {"process": 1, "round": 0},
    ]


def test_what_a_process_raises_is_raised_with_its_traceback(pace):
    with pytest.raises(ZeroDivisionError, match="nothing to share") as error:
        pace("crash", repeats=2)
    assert 'raise ZeroDivisionError("nothing to share")' in "".join(error.value.__notes__)


def test_a_first_process_that_dies_is_told_in_a_sentence(pace):
    with pytest.raises(InputError, match="ended with status -9: measure less"):
        pace("die", repeats=2)


@pytest.mark.slow
def test_a_later_process_that_dies_leaves_the_figures_of_those_before(pace):
    measured = pace("die second", repeats=3)
    assert measured.row("ours").metrics["seconds"].values == (1.0, 3.0)
    assert not measured.figures.finished
    assert measured.figures.reasons == ("process 2 of 3: it ended with status -9",)
    assert read_result(pace.path).content() == measured.content()


@pytest.mark.parametrize(
    ("what", "processes"), [("wait", 1), pytest.param("wait second", 2, marks=pytest.mark.slow)]
)
def test_ctrl_c_ends_the_process_in_hand_and_keeps_what_there_is(pace, what, processes):
    interrupt_when(pace.folder / "waiting")
    measured = pace(what, repeats=5)
    assert measured.row("ours").metrics["seconds"].values == (1.0, 3.0)
    assert not measured.figures.finished
    assert not read_result(pace.path).is_valid
    assert len(list(pace.folder.glob("process-*"))) == processes
    for mark in pace.folder.glob("process-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.read_text()), 0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"repeats": 0}, "repeats is 0: at least 1 is needed"),
        ({"emit": ("bmx",)}, "unknown form to emit 'bmx': did you mean 'bmf'?"),
        ({"path": None, "emit": ("bmf",)}, "bmf is written beside the result: name its file"),
        ({"path": "r.txt"}, "r.txt' does not end in .json"),
        ({"path": "."}, "does not end in .json"),
        ({"path": "folder.json"}, "folder.json' is a folder: give the path of a file in it"),
        ({"path": "file/r.json"}, "file/r.json' cannot be written ("),
    ],
)
def test_what_cannot_be_used_gets_one_sentence_before_anything_is_measured(
    tmp_path, arguments, complaint
):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    if arguments.get("path"):
        arguments = {**arguments, "path": tmp_path / arguments["path"]}
    with pytest.raises(InputError) as error:
        bench("pace", PaceSettings(folder=str(tmp_path)), **arguments)
    assert complaint in str(error.value)
    assert not list(tmp_path.glob("process-*"))


def test_an_unknown_benchmark_is_told():
    with pytest.raises(InputError, match="unknown benchmark 'paces': did you mean 'pace'"):
        bench("paces", PaceSettings())


def test_a_page_is_written_again_from_the_file(pace):
    pace()
    before = pace.path.with_suffix(".html").read_bytes()
    pace.path.with_suffix(".html").unlink()
    assert write_page(pace.path) == pace.path.with_suffix(".html")
    assert pace.path.with_suffix(".html").read_bytes() == before
