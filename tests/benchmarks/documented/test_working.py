"""Which commands run, which are left out, and what is said of each."""

import json

import pytest

from zeroreal.benchmarks.documented import working
from zeroreal.benchmarks.documented.working import Limits, Work, not_installed, work_through

WRITE = "import sys; open(sys.argv[1], 'w').write('{}')"
FAIL = "import sys; print('one'); sys.exit('error: two')"


@pytest.fixture
def work(tmp_path):
    """A function that makes work of a Python program; by default it writes its result."""

    def make(name, program=WRITE, suffix="json", minutes=None, hindrance=None):
        path = tmp_path / f"{name}.{suffix}"

        def why():
            return None if path.exists() and path.read_text() else "there is no result yet"

        return Work(name, path, ("-c", program, str(path)), why, minutes, hindrance)

    return make


def states(outcomes):
    return {outcome.work.name: outcome.state for outcome in outcomes}


def test_work_is_done_in_order_and_leaves_its_results(work, tmp_path):
    lines = []
    outcomes = work_through([work("a", minutes=2), work("b")], lines.append)
    assert list(states(outcomes).items()) == [("a", "done"), ("b", "done")]
    assert lines[0] == (
        "a: measuring, for there is no result yet, about 2 minutes; what it says goes to a.log"
    )
    assert lines[1].startswith("a: done after 0.")
    assert json.loads((tmp_path / "a.json").read_text()) == {}
    assert not list(tmp_path.glob("*.log")), "logs of what is done go"


def test_what_is_done_is_skipped_unless_it_is_asked_for(work):
    work_through([work("a")], print)
    assert states(work_through([work("a"), work("b")], print)) == {"a": "skipped", "b": "done"}
    both = [work("a"), work("b")]
    assert states(work_through(both, print)) == {"a": "skipped", "b": "skipped"}
    assert states(work_through(both, print, again=True)) == {"a": "done", "b": "done"}


def test_a_failure_has_its_last_words_and_the_rest_is_done(work, tmp_path):
    failed, _ = outcomes = work_through([work("a", FAIL), work("b")], print)
    assert states(outcomes) == {"a": "failed", "b": "done"}
    assert failed.reason == "status 1: two (all that it said is in a.log)"
    assert "one" in (tmp_path / "a.log").read_text()


def test_what_ends_well_without_a_result_failed(work):
    (found,) = work_through([work("a", "pass")], print)
    assert found.state == "failed"
    assert found.reason == "it ended well, but there is no result yet"


def test_a_text_result_is_what_was_said(work):
    (found,) = work_through([work("a", "print('3 passed')", "txt")], print)
    assert found.state == "done"
    assert found.work.path.read_text() == "3 passed\n"


def test_a_hindrance_is_the_reason_and_nothing_runs(work):
    (found,) = work_through([work("a", hindrance="it is Sunday")], print)
    assert (found.state, found.reason) == ("failed", "it is Sunday")
    assert not found.work.path.exists()


def test_what_does_not_fit_the_budget_is_not_started_and_what_is_shorter_is(work):
    both = [work("long", minutes=5), work("short", minutes=2)]
    outcomes = work_through(both, print, limits=Limits(all=3))
    assert states(outcomes) == {"long": "not started", "short": "done"}
    assert outcomes[0].reason == "about 5 minutes, 3.0 are left of the budget"


def test_one_has_its_own_time_and_no_more_than_is_left_of_all():
    assert Limits().seconds is None
    assert Limits(each=8).seconds == 480
    assert Limits(each=8, all=2).seconds == pytest.approx(120, abs=1)


def test_work_out_of_time_failed(work):
    slow = work("a", "import time; time.sleep(60)")
    (found,) = work_through([slow], print, limits=Limits(each=0.01))
    assert (found.state, found.reason) == ("failed", "it took longer than 0.01 minutes")


def test_ctrl_c_ends_the_work_in_hand_and_starts_no_other(work, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    work_through([work("a")], print)
    monkeypatch.setattr(working, "run_command", interrupt)
    outcomes = work_through([work("a"), work("b"), work("c")], print)
    assert states(outcomes) == {"a": "skipped", "b": "interrupted", "c": "not started"}


def test_missing_modules_are_named():
    assert not_installed(("zeroreal", "json")) is None
    assert not_installed(("zeroreal", "no_such")) == "no_such is not installed"
    assert not_installed(("no_such", "nor_this")) == "no_such, nor_this are not installed"
