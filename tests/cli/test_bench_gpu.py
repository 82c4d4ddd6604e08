"""`zeroreal bench gpu` and `waterfall`: what they print and pass on, their complaints."""

from importlib import import_module
from pathlib import Path

import pytest

from zeroreal.benchmarks.documented.working import Outcome, Work
from zeroreal.benchmarks.gpu import work as work_module
from zeroreal.benchmarks.gpu.settings import GpuSettings
from zeroreal.benchmarks.registry import BENCHMARKS
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import BenchmarkResult, Figures, Row


def outcome(name, state, reason=None, minutes=0.0):
    work = Work(name, Path(f"/out/{name}-h100.json"), (), lambda: None)
    return Outcome(work, state, reason, minutes)


@pytest.fixture
def worked(monkeypatch):
    """A function that sets what becomes of the parts; and the settings that were given."""
    given = []

    def give(*outcomes):
        def work_through_gpu(settings, tell):
            given.append(settings)
            tell("guided: about 5 minutes")
            return outcomes

        monkeypatch.setattr(work_module, "work_through_gpu", work_through_gpu)
        return given

    return give


def test_each_part_has_a_line(command, worked):
    worked(
        outcome("tests", "skipped", "done before, with these settings and this code"),
        outcome("guided", "done", minutes=4.25),
        outcome("kernels", "not started", "about 2 minutes, 1.0 are left of the budget"),
    )
    done = command("bench", "gpu")
    assert done.returncode == 0, done.stderr
    assert "tests skipped: done before, with these settings and this code" in done.shown
    assert "guided 4.2 done: guided-h100.json" in done.shown
    assert "kernels not started: about 2 minutes, 1.0 are left of the budget" in done.shown
    assert "guided: about 5 minutes" in done.stderr


def test_a_part_that_failed_is_said_and_exits_with_1(command, worked):
    worked(outcome("guided", "failed", "diffusers [torch] is not installed"))
    done = command("bench", "gpu")
    assert done.returncode == 1
    assert "guided failed: diffusers [torch] is not installed" in done.shown


def test_an_interruption_shows_what_there_is_and_exits_as_one(command, worked):
    worked(outcome("guided", "interrupted", "nothing"), outcome("few", "not started", "so"))
    done = command("bench", "gpu")
    assert done.returncode == 130
    assert "few not started: so" in done.shown


def test_options_are_passed_on(command, worked, tmp_path):
    given = worked()
    command("bench", "gpu")
    named = ("--parts", "guided, few", "--out", tmp_path, "--minutes", 4, "--budget", 9, "--again")
    command("bench", "gpu", *named)
    assert given == [GpuSettings(), GpuSettings(("guided", "few"), tmp_path, 4.0, 9.0, True)]


def test_without_a_gpu_one_sentence_is_said(command, monkeypatch, tmp_path):
    monkeypatch.setattr(work_module, "_ASK", "print('')")
    done = command("bench", "gpu", "--out", tmp_path)
    assert done.returncode == 2
    assert "error: there is no CUDA device here: run this on a machine with" in done.shown
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["gpu", "--parts", "kernel"], "unknown part 'kernel': did you mean 'kernels'?"),
        (["gpu", "--minutes", "0"], "minutes is 0.0: a number of minutes above 0 is needed"),
        (["waterfall", "our-lop"], "unknown row 'our-lop': did you mean 'our-loop'?"),
        (["waterfall", "--batch-size", "3"], "128 images are no whole number of batches of 3"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr


def test_the_waterfall_s_table_fits_a_terminal(capsys, monkeypatch):
    from rich.console import Console

    module = import_module("zeroreal.cli.bench.command")
    metrics = {
        "images_per_second": Metric((1234.5,), "images/s"),
        "ratio": Metric((10.25,), "x"),
        "ratio_before": Metric((1.25,), "x"),
        "flop_per_second": Metric((0.0001234e12,), "FLOP/s"),
        "memory_bytes": Metric((12.34e9,), "B"),
        "mean_difference_of_255": Metric((12.34,), "1"),
        "max_difference_of_255": Metric((255.0,), "1"),
        "psnr": Metric((21.5,), "dB"),
    }
    rows = tuple(
        Row(name, metrics=metrics, facts={"batch_size": 128})
        for name in ("torch:compiled", "guidance-0.6-6")
    )
    result = BenchmarkResult("waterfall", "", "", {}, {}, Figures(rows))
    monkeypatch.setattr(module, "output", Console(width=80))
    module.show(result, BENCHMARKS["waterfall"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    shown = next(line for line in lines if "guidance-0.6-6" in line)
    figures = ["1,234", "1.25", "10.25", "0.000123", "12.34", "12.34", "255", "21.5"]
    assert shown.split() == ["guidance-0.6-6", *figures]
