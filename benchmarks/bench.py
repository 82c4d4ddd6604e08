"""Measuring by name: the one front door, which adds machine and conditions and writes the files.

from zeroreal.benchmarks.bench import bench
result = bench("kernels", KernelSettings(device="cpu"), path=Path("kernels.json"))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..base import InputError, resolve_device, unknown
from ..base.files import write_atomically
from ..base.settings import plain
from ..report.results.conditions import Conditions
from ..report.results.emitting import FORMS
from ..report.results.environment import command_line, result_environment
from ..report.results.page.content import result_page
from ..report.results.reading import read_records, read_result
from ..report.results.result import BenchmarkResult, Figures
from ..report.results.writing import check_result_path, write_result
from .harness.progress import Progress, check_counts
from .registry import BENCHMARKS, benchmark
from .repeats import repeated


def bench(
    name: str,
    settings: Any,
    *,
    path: Path | None = None,
    repeats: int = 1,
    emit: Sequence[str] = (),
    command: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> BenchmarkResult:
    """Measure, and give the result, which is written to `path` whenever there is more of it.

    Args:
        name: of `BENCHMARKS`.
        settings: of that benchmark's class.
        path: the JSON file; others stand beside it.
        repeats: in how many processes, one after the other, to measure the same.
        emit: further files beside `path`: `bmf`, `pytest-benchmark`.
        command: what the result is to say was typed; None: what started this process.
        tell: is given a line whenever the measurement gets on.

    Ctrl-C ends the measurement with the figures so far, which are marked as not finished. Raises
    `InputError` for settings that cannot be used; what cannot serve has its reason in the result.
    """
    chosen = benchmark(name)
    measure = chosen.measurement()
    check_counts({"repeats": repeats})
    for form in emit:
        if form not in FORMS:
            raise unknown("form to emit", form, FORMS)
    if emit and path is None:
        raise InputError(f"{emit[0]} is written beside the result: name its file with --result")
    if path is not None:
        check_result_path(path)
    device = resolve_device(getattr(settings, "device", "cpu"))
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    environment = result_environment(device)
    conditions = Conditions(device)

    def keep(figures: Figures) -> BenchmarkResult:
        result = BenchmarkResult(
            benchmark=name,
            command=command_line() if command is None else command,
            date=date,
            environment={**environment, "conditions": conditions.content()},
            settings=settings_content(settings),
            figures=replace(figures, reasons=(*figures.reasons, *_doubts(settings, conditions))),
        )
        if path is not None:
            write_result(path, result, chosen.columns)
            for form in emit:
                _write_form(path, form, result)
        return result

    progress = Progress(tell, keep)
    if repeats == 1:
        return keep(measure(settings, progress))
    return keep(repeated(measure, settings, repeats, progress))


def _doubts(settings: Any, conditions: Conditions) -> list[str]:
    """What of the conditions spoils the figures: nothing, where `settings` say no time is taken."""
    return conditions.reasons() if getattr(settings, "is_timed", True) else []


def write_page(path: Path) -> Path:
    """Write the page of the result `path` again, from it and the records beside it; gives its path.

    Raises `InputError` for a result that cannot be read.
    """
    result = read_result(path)
    figures = replace(result.figures, records=read_records(path))
    known = BENCHMARKS.get(result.benchmark)
    content = result_page(replace(result, figures=figures), known.columns if known else ())
    write_atomically(path.with_suffix(".html"), content)
    return path.with_suffix(".html")


def settings_content(settings: Any) -> dict[str, Any]:
    """The settings as JSON has them."""
    content: dict[str, Any] = json.loads(json.dumps(plain(settings), default=str))
    return content


def _write_form(path: Path, form: str, result: BenchmarkResult) -> None:
    text = json.dumps(FORMS[form](result), indent=2, allow_nan=False)
    write_atomically(path.with_suffix(f".{form}.json"), (text + "\n").encode())
