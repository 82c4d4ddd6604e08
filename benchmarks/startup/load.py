"""Seconds to load the embedded model's export into ONNX Runtime, in new processes.

zeroreal bench load --result FILE
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...assets import TINY_FASHION
from ...export import ExportSettings, export_model
from ..harness import (
    Tell,
    check_counts,
    check_result_path,
    run_facts,
    silent,
    spread,
    write_result,
)

# What a program that only runs engines does; the time is that after `import torch`.
_LOAD = """
import sys, time
from pathlib import Path
import torch
began = time.perf_counter()
from zeroreal.engine import OnnxRuntimeEngine
from zeroreal.export import read_manifest
for graph in read_manifest(Path(sys.argv[1])).graphs.values():
    OnnxRuntimeEngine(graph.file, torch.device("cpu"))
print(time.perf_counter() - began, *sorted({"diffusers", "transformers"} & set(sys.modules)))
"""


@dataclass(frozen=True)
class LoadSettings:
    """How often the export is loaded."""

    runs: int = 5
    """New processes, each of which loads it once."""
    result: Path | None = None
    """The file to write."""


def bench_load(settings: LoadSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written as well."""
    check_counts({"runs": settings.runs})
    if settings.result is not None:
        check_result_path(settings.result)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        tell("exporting")
        exported = export_model(TINY_FASHION, Path(folder, "model"), ExportSettings("fp32"))
        command = [sys.executable, "-c", _LOAD, str(exported.folder)]
        for number in range(settings.runs):
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(done.stdout.split())
            tell(f"run {number + 1} of {settings.runs}")
    seconds = [float(run[0]) for run in runs]
    result = {
        **run_facts(torch.device("cpu")),
        "seconds": seconds,
        "spread": spread(seconds),
        "imported": sorted({name for run in runs for name in run[1:]}),
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result
