"""A test of a finished run on other data, as a file: figures for programs, or a page for people."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from ...base import InputError
from ...base.files import write_atomically
from ...report.page import page
from .page import mistakes
from .summary import TestFigures, test_content

_TEMPLATE = Path(__file__).with_name("evaluation.html.j2")
_KINDS = (".html", ".json")


def check_evaluation(path: Path) -> None:
    """Raise `InputError` unless a test can be written to `path`."""
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"a test cannot be written as {str(path)!r}: name it .json or .html")
    if not path.parent.is_dir():
        raise InputError(f"folder {str(path.parent)!r} does not exist: make it first")


def write_evaluation(path: Path, name: str, figures: TestFigures) -> None:
    """Write the test of what is called `name` as JSON or as one page, by the suffix of `path`.

    Raises `InputError` for another suffix and a folder that is absent.
    """
    check_evaluation(path)
    classes = [row.class_name for row in figures.per_class]
    if path.suffix.lower() == ".html":
        wrong = mistakes(figures.confusion, classes)
        write_atomically(path, page(_TEMPLATE, {"name": name, "test": figures, "mistakes": wrong}))
        return
    command = shlex.join(["zeroreal", *sys.argv[1:]])
    content = {"command": command, "run": name, "classes": classes, "test": test_content(figures)}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text.encode() + b"\n")
