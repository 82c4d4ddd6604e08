"""From a command to the first images: new processes, each of which imports, loads and generates."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from ...base import InputError
from .job import LatencyJob

_PROGRAM = "zeroreal.benchmarks.latency.first_images"


@dataclass(frozen=True)
class Start:
    """Seconds of one new process; its files were read before, and are in the system's cache."""

    whole: float
    """From the command to the first batch, handed over."""
    load: float
    """Of the engines."""
    first: float
    """Of the first batch."""

    @property
    def importing(self) -> float:
        """Of what comes before: the interpreter, and importing the libraries."""
        return self.whole - self.load - self.first


def start_once(job: LatencyJob) -> Start:
    """Start a new process; `InputError` for one that fails, with its last line."""
    began = time.perf_counter()
    command = [sys.executable, "-m", _PROGRAM]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pickle.dumps(job))
        process.stdin.close()
        line = process.stdout.readline()
        whole = time.perf_counter() - began
        process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode or not line:
        last = said[-1] if said else f"it ended with status {process.returncode}"
        raise InputError(f"a new process made no images: {last}")
    figures = json.loads(line)
    return Start(whole, figures["load"], figures["first"])
