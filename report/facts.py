"""The file of a benchmark's figures, with all that says what they were measured on."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from ..base import InputError, describe_environment
from ..base.files import write_atomically


def check_result_path(path: Path) -> None:
    """Raise `InputError` unless `path` can be written; makes its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"result file {str(path)!r} cannot be written ({error.strerror}): choose another path"
        ) from None
    if path.is_dir():
        raise InputError(f"result file {str(path)!r} is a folder: give the path of a file in it")


def run_facts(device: torch.device) -> dict[str, Any]:
    """What every result begins with: command, date and environment."""
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "environment": describe_environment(device),
    }


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Write `result` as JSON, whole or not at all."""
    write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
