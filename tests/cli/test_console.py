"""Names from files of others give the terminal no orders, wherever they are printed."""

import io
import logging

import pytest
from rich.console import Group
from rich.live import Live
from rich.logging import RichHandler
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from zeroreal.cli.console import PlainConsole, accuracy_table, print_plain
from zeroreal.cli.main import app
from zeroreal.run import BaselineFigures, Prediction, TestFigures

EVIL = "cat\x1b]0;title\x07\x9b2J\u202egod\rdog"
SHOWN = r"cat\x1b]0;title\x07\x9b2J\u202egod\rdog"


def table():
    made = Table()
    made.add_column("class")
    made.add_row(EVIL)
    return made


@pytest.fixture
def console():
    """A console on a terminal without colours, wide enough."""
    return PlainConsole(file=io.StringIO(), width=120, force_terminal=True, color_system=None)


@pytest.mark.parametrize(
    "make",
    [lambda: EVIL, lambda: Text(EVIL), table, lambda: Group("x", table())],
    ids=["text", "styled", "table", "group"],
)
def test_whatever_is_printed_shows_its_control_characters(console, make):
    console.print(make(), markup=False)
    shown = console.file.getvalue()
    assert r"cat\x1b]0;title" in shown  # rich drops some of the others
    assert not set("\x1b\x07\x9b\u202e\r") & set(shown)


def test_baselines_follow_the_figures_that_they_are_compared_with(console):
    test = TestFigures("x", 200, 0.8, (0.74, 0.85), 0.1, (), [])
    baselines = [
        BaselineFigures("encoder", "embedded", 200, 0.825, (0.766, 0.871), None, 1.0),
        BaselineFigures("gaussians", "/a/clip", 200, 0.75, (0.686, 0.805), 4_000, 2.0),
    ]
    console.print(accuracy_table(test, baselines))
    lines = [line.split("│")[1:3] for line in console.file.getvalue().splitlines() if "%" in line]
    shown = [tuple(cell.strip() for cell in cells) for cells in lines]
    assert shown[1:] == [
        ("all (top-1)", "80.0 %"),
        ("chance", "10.0 %"),
        ("baseline: encoder embedded", "82.5 %"),
        ("baseline: gaussians of 4,000 images, clip", "75.0 %"),
    ]


def test_warnings_show_them_too(console):
    handler = RichHandler(console=console, show_time=False, show_path=False)
    handler.emit(logging.LogRecord("x", logging.WARNING, "x", 1, EVIL, None, None))
    assert not set("\x07\x9b\u202e") & set(console.file.getvalue())


def test_the_console_s_own_orders_stay(console):
    with Progress(console=console) as bars:
        bars.add_task(EVIL, total=1)
    with Live(table(), console=console):
        pass
    shown = console.file.getvalue()
    assert "\x1b[" in shown  # the cursor is moved
    assert not set("\x07\x9b\u202e") & set(shown)


def test_lines_and_columns_stay(console):
    console.print("one\ntwo", markup=False)
    assert console.file.getvalue().splitlines() == ["one", "two"]


def test_predictions_are_a_line_each_with_two_tabs(monkeypatch, tmp_path):
    found = [Prediction("a\tb\n.png", EVIL, 0.5)]
    monkeypatch.setattr("zeroreal.run.predict_files", lambda *_: found, raising=False)
    done = CliRunner().invoke(app, ["predict", str(tmp_path), "x"])
    assert done.stdout == f"a\\tb\\n.png\t{SHOWN}\t50.0 %\n"


def test_for_other_programs_text_is_as_it_is_and_for_a_terminal_it_is_not(monkeypatch, capsys):
    print_plain(f"{EVIL}\n")
    assert capsys.readouterr().out == f"{EVIL}\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_plain(f"{EVIL}\n\t")
    assert capsys.readouterr().out == f"{SHOWN}\n\t"
