"""The machine of a result: processor, GPU, versions, and which revision of the code ran."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from ...base import describe_device, describe_environment, instruction_set
from .conditions import GPU_FIELDS, gpu_figures
from .sources import SOURCES, code_digest


def command_line() -> str:
    """The command as it was typed, whatever started it."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def result_environment(device: torch.device) -> dict[str, Any]:
    """All that says what figures hold for, but the conditions of the moment.

    `gpu` is there on a GPU alone, `git` where the sources are a clone: revision, and whether all
    was committed. `code` is a digest of the sources, which a commit of results does not change.
    """
    environment: dict[str, Any] = dict(describe_environment(device))
    cpu = torch.device("cpu")
    environment["cpu"] = {
        "name": describe_device(cpu),
        "instructions": instruction_set(cpu),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        environment["gpu"] = gpu_figures(device, GPU_FIELDS)
    environment["git"] = _revision()
    environment["code"] = code_digest()
    return environment


def _revision() -> dict[str, Any] | None:
    revision, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    if not revision or status is None:
        return None
    return {"revision": revision, "clean": not status}


def _git(*arguments: str) -> str | None:
    """What git says of the sources; None where there is no git or no clone of ours."""
    if not (SOURCES / ".git").exists():
        return None  # an installed package may lie in somebody else's repository
    command = ["git", "-C", str(SOURCES), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
