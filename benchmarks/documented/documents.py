"""The documents and the chart as the results have them: what they should be, and writing them."""

from __future__ import annotations

from pathlib import Path

from ...base import InputError
from ...base.files import write_atomically
from ...report.results.reading import read_result
from .chart import Bar, bar_chart
from .columns import COLUMNS
from .markers import rendered

RESULTS = Path("benchmarks/results")
DOCUMENTS = (Path("README.md"), Path("benchmarks/README.md"))
CHART, _CHARTED = Path("docs/throughput.svg"), "throughput-embedded-cpu.json"
_TITLE = "Images a second, embedded model"
_OURS = "ours"  # how the names of our contenders begin


def documents(clone: Path) -> dict[Path, str]:
    """The text that each document of a clone should have, and the chart, by their paths.

    Raises `InputError` for a folder that is no clone, for markers that name what there is not, and
    for results that cannot be read.
    """
    check_clone(clone)
    results = clone / RESULTS
    texts = {
        clone / path: rendered((clone / path).read_text(encoding="utf-8"), results)
        for path in DOCUMENTS
    }
    if (results / _CHARTED).exists():
        texts[clone / CHART] = _chart(results / _CHARTED)
    return texts


def write_documents(clone: Path) -> tuple[Path, ...]:
    """Write what differs from `documents`, and give its paths; errors as there."""
    written = []
    for path, text in documents(clone).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text.encode())
            written.append(path)
    return tuple(written)


def check_clone(folder: Path) -> None:
    """Raise `InputError` unless the documents are in `folder`."""
    for path in DOCUMENTS:
        if not (folder / path).exists():
            raise InputError(
                f"folder {str(folder)!r} is no clone of zeroreal, {str(path)!r} is not in it: "
                "give the clone with --clone"
            )


def _chart(path: Path) -> str:
    column = COLUMNS["images/s"]
    result = read_result(path)
    rows = [row for row in result.rows if column.key in row.metrics]
    if not rows:
        raise InputError(f"result {str(path)!r} has no images a second: measure it again")
    return bar_chart(
        f"{_TITLE}, {result.environment.get('device')}",
        [
            Bar(
                row.name,
                row.metrics[column.key].median,
                column.text(row),
                row.name.startswith(_OURS),
            )
            for row in rows
        ],
    )
