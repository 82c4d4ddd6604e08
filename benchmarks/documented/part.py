"""One measurement: a benchmark, its settings, and the file that has the result and says of what."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.settings import Value, build, values_of
from ...report.results.reading import read_result
from ...report.results.sources import code_digest
from ..bench import settings_content
from ..registry import benchmark


@dataclass(frozen=True)
class Part:
    """One measurement; settings that are not named are the defaults."""

    benchmark: str
    file: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_real: bool = False
    """Whether it takes the folder of Fashion-MNIST's IDX files."""
    needs: tuple[str, ...] = ()
    """Modules that have to be installed and may not be."""
    minutes: float | None = None
    """How long it is likely to take, where its time is limited."""

    def build(self, real: Path | None = None) -> Any:
        """Settings of the benchmark's class; `real` is for a part that needs it."""
        more = {"real": real} if self.needs_real else {}
        return build(benchmark(self.benchmark).settings_class(), {**self.settings, **more})


def why_measure(settings: Any, path: Path, device: str) -> str | None:
    """Why the result at `path` does not serve for `settings` on `device`; None if it does."""
    if not path.exists():
        return "there is no result yet"
    try:
        found = read_result(path)
    except InputError:
        return "the result that is there cannot be read"
    if not found.figures.finished:
        return "it was not finished"
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
    """The command that measures `part` alone, into `path`."""
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
    return shlex.join(
        ["zeroreal", "bench", part.benchmark, *arguments, *options, "--result", str(path)]
    )


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
