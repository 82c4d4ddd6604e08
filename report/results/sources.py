"""Which code a figure was measured with: a digest of its sources, whatever is committed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[2]
"""The folder of the package's parts: of a checkout, its root."""
_CODE = (".py", ".pyi", ".yaml", ".json", ".j2", ".cpp", ".cu", ".h", ".cuh")
_NOT_MEASURED = ("cli/", "benchmarks/documented/", "benchmarks/gpu/", "benchmarks/results/")


def code_digest(*places: str) -> str:
    """SHA-256, in hex, of the sources in `places`: files and folders below `SOURCES`.

    Without a place, of all sources of ours that something measured may stand on.
    """
    digest = hashlib.sha256()
    for path in _files(places) if places else _measured():
        content, name = path.read_bytes(), path.relative_to(SOURCES).as_posix()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _measured() -> Iterator[Path]:
    packages = sorted(path.parent.name for path in SOURCES.glob("*/py.typed"))
    for path in _files(packages):
        if not path.relative_to(SOURCES).as_posix().startswith(_NOT_MEASURED):
            yield path


def _files(places: tuple[str, ...] | list[str]) -> Iterator[Path]:
    for place in places:
        path = SOURCES / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and file.suffix in _CODE:
                yield file
