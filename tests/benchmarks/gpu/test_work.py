"""Which parts run, which are left out, and what is said of each."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.gpu import ledger as ledger_module
from zeroreal.benchmarks.gpu import running
from zeroreal.benchmarks.gpu import work as work_module
from zeroreal.benchmarks.gpu.settings import GpuSettings, names_of
from zeroreal.benchmarks.gpu.work import gpu_name, work_through

FAIL = "import sys; print('one'); sys.exit('error: two')"


def states(outcomes):
    return {name: outcome.state for name, outcome in outcomes.items()}


def test_parts_run_in_order_and_leave_their_results(work, part, tmp_path):
    found = work(part("a", minutes=2), part("b"))
    assert states(found) == {"a": "done", "b": "done"}
    assert found["a"].path == tmp_path / "a-h100.json"
    assert json.loads(found["a"].path.read_text())["arguments"][-1] == str(found["a"].path)
    assert work.lines[0] == "a: about 2 minutes"
    assert work.lines[1].startswith("a: done after 0.")
    assert not list(tmp_path.glob("*.log")), "logs of parts that are done go"


def test_what_is_done_is_skipped_the_next_time(work, part):
    work(part("a"))
    assert states(work(part("a"), part("b"))) == {"a": "skipped", "b": "done"}
    assert states(work(part("a"), part("b"))) == {"a": "skipped", "b": "skipped"}
    assert states(work(part("a"), part("b"), again=True)) == {"a": "done", "b": "done"}


def test_other_settings_other_code_and_a_lost_result_are_measured_again(work, part, monkeypatch):
    work(part("a"))
    assert states(work(part("a", part("a").program[1], "--rounds", "7"))) == {"a": "done"}
    assert states(work(part("a"))) == {"a": "done"}, "its file is that of the other settings"
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "code_digest", lambda *folders: "another")
        assert states(work(part("a"))) == {"a": "done"}
    found = work(part("a"))
    found["a"].path.unlink()
    assert states(work(part("a"))) == {"a": "done"}


@pytest.mark.parametrize("content", ["", "[]", '{"finished": false}'])
def test_a_result_that_is_not_finished_is_measured_again(work, part, content):
    (found,) = work(part("a")).values()
    found.path.write_text(content)
    assert states(work(part("a"))) == {"a": "done"}


def test_a_ledger_that_cannot_be_read_says_that_nothing_is_done(work, part, tmp_path):
    work(part("a"))
    (tmp_path / "gpu-parts-h100.json").write_text("{")
    assert states(work(part("a"))) == {"a": "done"}


def test_a_part_that_fails_has_its_last_words_and_the_others_run(work, part, tmp_path):
    found = work(part("a", FAIL), part("b"))
    assert states(found) == {"a": "failed", "b": "done"}
    assert found["a"].reason == "status 1: two (all that it said is in a-h100.log)"
    assert "one" in (tmp_path / "a-h100.log").read_text()
    assert states(work(part("a"), part("b"))) == {"a": "done", "b": "skipped"}


def test_a_part_that_ends_well_without_a_result_failed(work, part):
    (found,) = work(part("a", "pass")).values()
    assert found.state == "failed"
    assert found.reason == "it ended well and left no finished result in a-h100.json"


def test_a_part_that_fails_again_is_not_done_any_more(work, part):
    passes = part("a", "print('3 passed')", result="a.txt")
    work(passes)
    work(part("a", FAIL, result="a.txt"), again=True)
    assert states(work(passes)) == {"a": "done"}


def test_text_results_are_what_is_printed(work, part):
    (found,) = work(part("a", "print('3 passed')", result="a.txt")).values()
    assert found.state == "done"
    assert found.path.read_text() == "3 passed\n"
    assert states(work(part("a", "print('3 passed')", result="a.txt"))) == {"a": "skipped"}


def test_missing_libraries_and_folders_are_reasons(work, part):
    found = work(part("a", needs=("zeroreal", "no_such", "nor_this")), part("b", folder="nowhere"))
    assert found["a"].state == found["b"].state == "failed"
    assert found["a"].reason == "no_such, nor_this are not installed"
    assert "there is no folder 'nowhere'" in found["b"].reason


def test_a_part_that_does_not_fit_the_budget_is_not_started_and_a_shorter_one_is(work, part):
    found = work(part("long", minutes=5), part("short", minutes=2), budget=3)
    assert states(found) == {"long": "not started", "short": "done"}
    assert found["long"].reason == "about 5 minutes, 3.0 are left of the budget"


def test_ctrl_c_ends_the_part_in_hand_and_starts_no_other(work, part, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    work(part("a"))
    monkeypatch.setattr(work_module, "run_part", interrupt)
    found = work(part("a"), part("b"), part("c"))
    assert states(found) == {"a": "skipped", "b": "interrupted", "c": "not started"}
    monkeypatch.setattr(work_module, "run_part", running.run_part)
    assert states(work(part("b"))) == {"b": "done"}


def test_only_parts_that_are_named_run(work, part):
    assert states(work(part("a"), part("b"), part("c"), parts=("c", "a"))) == {
        "a": "done",
        "c": "done",
    }


def test_names_are_separated_by_commas():
    assert names_of("guided, kernels,") == ("guided", "kernels")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"parts": ("kernel",)}, "unknown part 'kernel': did you mean 'kernels'?"),
        ({"minutes": 0.0}, "minutes is 0.0: a number of minutes above 0 is needed"),
        ({"budget": -1.0}, "budget is -1.0: a number of minutes above 0 is needed"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        work_through(GpuSettings(**settings), gpu="h100")
    assert complaint in str(error.value)


def test_a_folder_that_cannot_be_made_gets_one_sentence(work, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be made .*: name another with --out"):
        work_through(GpuSettings(out=tmp_path / "file" / "results"), gpu="h100")


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("print('NVIDIA H100 80GB HBM3')", "nvidia-h100-80gb-hbm3"),
        ("print('')", "there is no CUDA device here: run this on a machine with an NVIDIA GPU"),
        ("import no_such", "PyTorch does not start here (ModuleNotFoundError: No module named"),
    ],
)
def test_the_gpu_is_asked_for_its_name_or_there_is_none(program, name, monkeypatch):
    monkeypatch.setattr(work_module, "_ASK", program)
    try:
        assert gpu_name() == name
    except InputError as error:
        assert name in str(error)  # noqa: PT017
