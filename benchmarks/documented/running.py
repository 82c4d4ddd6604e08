"""Running a command in a process of its own, which takes its memory along when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ZEROREAL = (
    "-P",  # no folder of a clone stands in for a module of that name
    "-c",
    "import sys; sys.argv[0] = 'zeroreal'; from zeroreal.cli.main import main; main()",
)
"""What Python takes to be `zeroreal`, wherever it is installed."""
GRACE = 15.0
"""Seconds that a command has, at the end of its time, to keep what it has measured."""
_MOST_SHOWN = 300  # characters of a reason


def run_command(
    command: Sequence[str],
    log: Path,
    *,
    seconds: float | None = None,
    folder: Path | None = None,
    grace: float = GRACE,
) -> str | None:
    """Run `command`, which Python takes, with all that it says in `log`; why it failed, or None.

    It has `seconds` at most, and `folder` as its current one. Whatever ends it, its children are
    ended as well. Ctrl-C ends it and is raised.
    """
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "80"},
            process_group=0,
        )
        try:
            process.wait(None if seconds is None else max(seconds - grace, 0.0))
        except subprocess.TimeoutExpired:
            _end(process, grace)
            return f"it took longer than {(seconds or 0) / 60:.3g} minutes"
        except KeyboardInterrupt:
            _end(process, grace)
            raise
        finally:
            with suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(process.pid, signal.SIGKILL)
    return _failure(process.returncode, log)


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End it politely, which `zeroreal` takes as it takes Ctrl-C, and by force when that fails."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(status: int, log: Path) -> str | None:
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    if status > 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["?"]
        said = lines[-1].strip().removeprefix("error: ")[:_MOST_SHOWN]
        return f"status {status}: {said} (all that it said is in {log.name})"
    return None
