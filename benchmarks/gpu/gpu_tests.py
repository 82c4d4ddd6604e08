"""The tests that take a GPU, as work like any part: what they say is the result."""

from __future__ import annotations

from pathlib import Path

from ...report.results.sources import SOURCES, code_digest
from ..documented.working import Work, not_installed

NAME = FOLDER = "tests"
_NEEDS = ("pytest", "diffusers", "transformers", "timm", "torchvision")
_PROGRAM = """
import sys, pytest
status = pytest.main(["-q", "-m", "gpu", "-p", "no:cacheprovider", sys.argv[1]])
if status == 0:
    print(sys.argv[2])
sys.exit(status)
"""
_NO_CHECKOUT = f"there is no folder {FOLDER!r} in {str(SOURCES)!r}: it takes a checkout"


def gpu_tests(path: Path) -> Work:
    """The tests marked `gpu` of a checkout; a line of `path` says with which code they passed."""
    passed = f"passed, with the code {code_digest()} and the tests {code_digest(FOLDER)}"
    there = (SOURCES / FOLDER).is_dir()
    return Work(
        name=NAME,
        path=path,
        command=("-c", _PROGRAM, FOLDER, passed),
        why=lambda: _why(path, passed),
        minutes=4,
        hindrance=not_installed(_NEEDS) or (None if there else _NO_CHECKOUT),
    )


def _why(path: Path, passed: str) -> str | None:
    """Why the tests have to run; None if they passed."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "they have not run here"
    return None if passed in lines else "they have not passed with this code"
