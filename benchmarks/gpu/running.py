"""Running one part in a process of its own, which takes its memory along when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from ...report.results.sources import SOURCES
from .ledger import is_finished
from .parts import Part

GRACE = 15.0
"""Seconds that a part has, at the end of its time, to keep what it has measured."""
_MOST_SHOWN = 300  # characters of a reason


def not_runnable_reason(part: Part) -> str | None:
    """Why `part` cannot run on this machine; None if nothing is known against it."""
    missing = [name for name in part.needs if find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    if part.folder is not None and not (SOURCES / part.folder).is_dir():
        return f"there is no folder {part.folder!r} in {str(SOURCES)!r}: it takes a checkout"
    return None


def run_part(part: Part, path: Path, seconds: float, grace: float = GRACE) -> str | None:
    """Run `part` for at most `seconds`; why it failed, None if it is done.

    JSON is written to `path` by the part itself; then what it prints is in a log beside it, which
    goes when the part is done. Text is what it prints.

    Whatever ends it, its children are ended as well, and what it has measured by then stays.
    """
    command = [sys.executable, *part.program, *part.arguments]
    is_json = path.suffix == ".json"
    log = path.with_suffix(".log") if is_json else path
    if is_json:
        command += ["--result", str(path)]
        path.unlink(missing_ok=True)  # of an earlier run
    with log.open("wb") as printed:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=SOURCES,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "80"},
            process_group=0,
        )
        try:
            process.wait(max(seconds - grace, 0.0))
        except subprocess.TimeoutExpired:
            _end(process, grace)
            return f"it took longer than {seconds / 60:.3g} minutes; {_kept(path)}"
        except KeyboardInterrupt:
            _end(process, grace)
            raise
        finally:
            with suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(process.pid, signal.SIGKILL)
    reason = _failure(process.returncode, path, log)
    if reason is None and is_json:
        log.unlink()
    return reason


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End it politely, which `zeroreal` takes as it takes Ctrl-C, and by force when that fails."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(status: int, path: Path, log: Path) -> str | None:
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}; {_kept(path)}"
    if status > 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["?"]
        said = lines[-1].strip().removeprefix("error: ")[:_MOST_SHOWN]
        return f"status {status}: {said} (all that it said is in {log.name})"
    if not is_finished(path):
        return f"it ended well and left no finished result in {path.name}"
    return None


def _kept(path: Path) -> str:
    return f"what it had by then is in {path.name}" if path.exists() else "nothing was kept"
