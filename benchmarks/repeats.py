"""The same benchmark in several processes, one after the other.

What a process settles on at its start (addresses, threads, plans of libraries) differs from one to
the next, so that only several of them show how much a figure varies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from ..base import InputError
from ..report.results.result import Figures, joined_figures
from .harness.progress import Progress

Measure = Callable[[Any, Progress], Figures]


class _DiedError(RuntimeError):
    """A process ended without figures."""


def repeated(measure: Measure, settings: Any, repeats: int, progress: Progress) -> Figures:
    """The figures of `repeats` processes as one; those so far are kept after each.

    Ctrl-C ends the process in hand, whose figures count only if it is the first; a process that
    dies ends the measurement with the figures of those before. Raises what a process raises.
    """
    parts: list[Figures] = []
    for number in range(repeats):
        progress.tell(f"process {number + 1} of {repeats}")
        try:
            part = _in_process(measure, settings, progress)
        except KeyboardInterrupt:
            if not parts:
                raise
            return _unfinished(parts)
        except _DiedError as error:
            if not parts:
                raise InputError(f"{error}: measure less, or without --repeats") from None
            return _unfinished(parts, f"process {number + 1} of {repeats}: {error}")
        if not part.finished:
            return _unfinished(parts or [part])
        parts.append(part)
        progress.keep(replace(joined_figures(parts), finished=len(parts) == repeats))
    return joined_figures(parts)


def _unfinished(parts: list[Figures], *reasons: str) -> Figures:
    together = joined_figures(parts)
    return replace(together, finished=False, reasons=(*together.reasons, *reasons))


def _in_process(measure: Measure, settings: Any, progress: Progress) -> Figures:
    """The figures that a new process measures; what it raises is raised here."""
    context = multiprocessing.get_context("spawn")
    own, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, measure, settings))
    process.start()
    theirs.close()
    interrupted = False
    try:
        while True:
            try:
                kind, content = own.recv()
            except KeyboardInterrupt:
                interrupted = True
                os.kill(process.pid or 0, signal.SIGINT)
                continue
            except (EOFError, OSError):
                process.join()
                if interrupted:
                    raise KeyboardInterrupt from None
                raise _DiedError(f"it ended with status {process.exitcode}") from None
            if kind == "told":
                progress.tell(content)
                continue
            process.join()
            if isinstance(content, BaseException):
                raise content
            figures: Figures = content
            return figures
    finally:
        own.close()
        process.terminate()  # nothing where it has ended


def _measure(pipe: Connection, measure: Measure, settings: Any) -> None:
    """What a process does: its lines go through the pipe, then its figures or what was raised."""
    # A group of its own: Ctrl-C goes to the other process alone, which passes it on once.
    os.setpgrp()
    answer: object
    try:
        answer = measure(settings, Progress(lambda line: pipe.send(("told", line))))
    except BaseException as error:
        error.add_note(traceback.format_exc())
        answer = error
    pipe.send(("done", answer))
