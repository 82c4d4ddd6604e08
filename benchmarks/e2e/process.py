"""A command in a process of its own, timed from its start to its end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..harness import ContenderError


def timed_process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> float:
    """Seconds that `command` takes, all that it says going to the file `log`.

    `environment` is added to ours. Raises `ContenderError` with the last line that it said where
    it fails. Ctrl-C ends it.
    """
    with log.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Else what it prints may come after the error that it ends with.
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        seconds = time.perf_counter() - began
    if status:
        lines = log.read_text(errors="replace").strip().splitlines()
        said = lines[-1].strip() if lines else "nothing was said"
        raise ContenderError(f"{said} (status {status})")
    return seconds
