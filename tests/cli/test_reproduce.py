"""`zeroreal reproduce` and `zeroreal worth`: what they print, and how they end."""

import math
from pathlib import Path

import pytest

from zeroreal.run import Reproduction, Worth
from zeroreal.run.reproduce.comparison import Compared
from zeroreal.run.worth.curve import Equivalent
from zeroreal.run.worth.worth import Point


@pytest.mark.parametrize(("same", "status"), [(True, 0), (False, 1)])
def test_the_status_tells_whether_all_is_the_same(command, monkeypatch, same, status):
    rows = (
        Compared("images", "8", "8", True),
        Compared("accuracy", "80.00 % of 10", "[70.00 %] of 10", same),
    )
    conditions = (Compared("torch", "2.1", "2.2", False),)
    found = Reproduction(Path("run"), Path("out"), rows, conditions)
    monkeypatch.setattr("zeroreal.run.reproduce_run", lambda *_: found)
    done = command("reproduce", "run", "--out", "out")
    assert done.returncode == status
    assert ("All of it is the same" in done.shown) == same
    assert "[70.00 %] of 10" in done.shown
    assert "torch 2.1 2.2 no" in done.shown


def test_a_missing_run_gets_one_sentence(command, tmp_path):
    for arguments in (["reproduce", "nothing", "--out", tmp_path / "out"], ["worth", "nothing"]):
        done = command(*arguments)
        assert done.returncode == 2
        assert "'nothing' has no classifier.json: give the folder of a finished run" in done.shown
        assert "Traceback" not in done.shown


def test_worth_shows_the_curve_and_says_what_it_comes_to(command, monkeypatch):
    points = (Point(200, (0.7, 0.72)), Point(400, (0.8, 0.82)))
    found = Worth(4000, 0.78, 500, "photos", 100, points, Equivalent(340.0, 280.0, math.inf))
    monkeypatch.setattr("zeroreal.run.measure_worth", lambda *_: found)
    done = command("worth", "run", "--data", "photos")
    assert done.returncode == 0
    assert "real 400 81.0 % 80.0 % to 82.0 %" in done.shown
    assert (
        "4,000 synthetic images are worth about 340 real ones (95 %: 280 to over 400)" in done.shown
    )
