"""Measuring the whole documented set, part by part, without what is measured already."""

from __future__ import annotations

import multiprocessing
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import reduce
from pathlib import Path
from typing import Any

from ...base import InputError, describe_device, resolve_device, unknown
from ...base.settings import Value, values_of
from ...report.results.reading import read_result
from ...report.results.sources import code_digest
from ..bench import bench, settings_content
from .documents import RESULTS, check_clone, write_documents
from .parts import PARTS, Part


def _nobody(line: str) -> None:
    pass


def measure_documented(
    clone: Path,
    *,
    real: Path | None = None,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = _nobody,
) -> tuple[Path, ...]:
    """Measure what is not measured yet, write the documents, and give the paths of those written.

    Args:
        clone: the folder whose documents and results are written.
        real: the folder of Fashion-MNIST's IDX files; parts that need it are left out without.
        only: files of `PARTS`; all by default.
        tell: is given a line whenever it gets on; a function that other processes can import.

    Each part is measured in a process of its own. Raises `KeyboardInterrupt` for Ctrl-C, after
    which the next call goes on with the part that was interrupted, and `InputError`, in the end,
    for parts that cannot be measured.
    """
    check_clone(clone)
    files = [part.file for part in PARTS]
    for file in only:
        if file not in files:
            raise unknown("result file", file, files)
    failed = []
    for part in PARTS:
        if only and part.file not in only:
            continue
        if part.needs_real and real is None:
            tell(f"{part.file}: left out, it needs real images: give their folder with --real")
            continue
        try:
            _measure_part(part, clone / RESULTS / part.file, real, tell)
        except InputError as error:
            tell(f"{part.file}: {error}")
            failed.append(part.file)
    written = write_documents(clone)
    if failed:
        raise InputError(f"{', '.join(failed)} could not be measured: see above, and give it again")
    return written


def why_measure(part: Part, settings: Any, path: Path) -> str | None:
    """Why the result at `path` does not serve for `part`; None if it does."""
    if not path.exists():
        return "there is no result yet"
    try:
        found = read_result(path)
    except InputError:
        return "the result that is there cannot be read"
    if not found.figures.finished:
        return "it was not finished"
    device = describe_device(resolve_device(getattr(settings, "device", "cpu")))
    if found.environment.get("device") != device:
        return "the result that is there is of another machine"
    if found.environment.get("code") != code_digest():
        return "the code has changed"
    if _compared(type(settings), found.settings) != _compared(
        type(settings), settings_content(settings)
    ):
        return "its settings have changed"
    return None


def command_of(part: Part, settings: Any, path: Path) -> str:
    """The command that measures `part` alone."""
    arguments: list[str] = []
    options: list[str] = []
    kind: type = type(settings)
    for value in values_of(kind):
        given = reduce(getattr, value.path, settings)
        if given == value.default:
            continue
        words = _words(value, given)
        if value.option.is_argument:
            arguments += words
        else:
            options += words
    file = RESULTS / path.name
    return shlex.join(
        ["zeroreal", "bench", part.benchmark, *arguments, *options, "--result", str(file)]
    )


def _measure_part(part: Part, path: Path, real: Path | None, tell: Callable[[str], None]) -> None:
    settings = part.build(real)
    why = why_measure(part, settings, path)
    if why is None:
        tell(f"{part.file}: measured before, with the same settings and the same code")
        return
    tell(f"{part.file}: measuring, for {why}")
    command = command_of(part, settings, path)
    # A process of its own: what one part leaves in memory is not the next one's.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = pool.submit(bench, part.benchmark, settings, path=path, command=command, tell=tell)
        try:
            result = work.result()
        except BrokenProcessPool:
            raise InputError("its process died, perhaps for want of memory") from None
    if not result.figures.finished:
        raise KeyboardInterrupt


def _compared(kind: type, content: Any) -> dict[str, Any]:
    """Settings without folders, which say where and not what."""
    folders = {value.path[-1] for value in values_of(kind) if "Path" in str(value.type)}
    return {name: value for name, value in content.items() if name not in folders}


def _words(value: Value, given: Any) -> list[str]:
    if isinstance(given, bool):
        return [value.flag if given else f"--no-{value.flag.removeprefix('--')}"]
    if isinstance(given, tuple):
        if value.option.is_argument:
            return list(map(str, given))
        return [value.flag, ",".join(map(str, given))]
    return [str(given)] if value.option.is_argument else [value.flag, str(given)]
