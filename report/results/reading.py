"""Reading a result's file, or saying in a sentence why it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base import InputError
from ...base.reading import parse_json, read_text
from .metric import read_metric
from .result import SCHEMA, VERSION, BenchmarkResult, Figures, Row

_KINDS = {
    "benchmark": str,
    "command": str,
    "date": str,
    "environment": dict,
    "settings": dict,
    "finished": bool,
    "valid": bool,
    "reasons": list,
    "facts": dict,
    "rows": list,
}
_ROW_KINDS = {"case": str, "name": str, "baseline": bool, "metrics": dict, "facts": dict}


def read_result(path: Path) -> BenchmarkResult:
    """The result in a JSON file, without its records, which `read_records` reads.

    Raises `InputError` for what is no result, is of another schema version, or contradicts itself.
    """
    source = f"result {str(path)!r}"
    try:
        content = parse_json(read_text(path, "result"), source)
    except InputError:
        raise
    except OSError as error:
        raise InputError(
            f"{source} cannot be read ({error.strerror}): give the JSON file that --result named"
        ) from None
    except ValueError as error:  # JSON's and Unicode's errors are such
        raise InputError(
            f"{source} is not whole JSON ({error}): it is cut off or something else, measure again"
        ) from None
    return result_of(content, source)


def read_records(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The records beside the result `path`; none where there is no such file.

    Raises `InputError` for a file that is cut off or holds something else.
    """
    beside = path.with_suffix(".jsonl")
    try:
        lines = read_text(beside, "records").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"records {str(beside)!r} cannot be read ({error}): remove them") from None
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = parse_json(line, f"records {str(beside)!r}, line {number}")
        except InputError:
            raise
        except ValueError:
            record = None
        if not isinstance(record, Mapping):
            raise InputError(
                f"records {str(beside)!r}, line {number}: {line[:40]!r} is no JSON object: measure "
                "again, or remove the file for a page without them"
            )
        records.append(record)
    return tuple(records)


def result_of(content: Any, source: str = "the result") -> BenchmarkResult:
    """The result that a file's content stands for; errors as of `read_result`."""
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        raise InputError(f"{source} is no benchmark's result: its schema is not {SCHEMA!r}")
    if content.get("version") != VERSION:
        raise InputError(
            f"{source} has version {content.get('version')!r} of the schema, this zeroreal reads "
            f"{VERSION}: measure it again with this one, or read it with the one that wrote it"
        )
    _check(content, _KINDS, source)
    rows = tuple(_row(row, number, source) for number, row in enumerate(content["rows"]))
    keys = [row.key for row in rows]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"{source} has the row {' '.join(key).strip()!r} twice: measure again")
    figures = Figures(
        rows=rows,
        facts=content["facts"],
        reasons=tuple(map(str, content["reasons"])),
        finished=content["finished"],
    )
    result = BenchmarkResult(
        benchmark=content["benchmark"],
        command=content["command"],
        date=content["date"],
        environment=content["environment"],
        settings=content["settings"],
        figures=figures,
    )
    if content["valid"] != result.is_valid:
        raise InputError(
            f"{source} says valid {content['valid']} against its reasons: measure again"
        )
    return result


def _row(content: Any, number: int, source: str) -> Row:
    place = f"{source}, row {number + 1}"
    if not isinstance(content, Mapping):
        raise InputError(f"{place} is {content!r}: names and metrics were expected, measure again")
    _check(content, _ROW_KINDS, place)
    reason = content.get("reason")
    if not isinstance(reason, str | None):
        raise InputError(f"{place} has reason {reason!r}: text or null was expected, measure again")
    return Row(
        name=content["name"],
        case=content["case"],
        metrics={
            name: read_metric(block, f"{place}, {name}")
            for name, block in content["metrics"].items()
        },
        facts=content["facts"],
        reason=reason,
        is_baseline=content["baseline"],
    )


def _check(content: Mapping[str, Any], kinds: Mapping[str, type], source: str) -> None:
    for name, kind in kinds.items():
        if not isinstance(content.get(name), kind):
            raise InputError(
                f"{source} has {name} {content.get(name)!r}, not a {kind.__name__}: measure again"
            )
