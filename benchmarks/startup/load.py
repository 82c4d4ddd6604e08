"""Seconds to load the embedded model's export into ONNX Runtime, in new processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ...assets import TINY_FASHION
from ...export import ExportSettings, export_model
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..harness import SILENT, Progress, check_counts
from .settings import LoadSettings

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


def measure_load(settings: LoadSettings, progress: Progress = SILENT) -> Figures:
    """Measure; Ctrl-C ends it with the runs that are finished."""
    check_counts({"runs": settings.runs})
    runs: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        progress.tell("exporting")
        exported = export_model(TINY_FASHION, Path(folder, "model"), ExportSettings("fp32"))
        command = [sys.executable, "-c", _LOAD, str(exported.folder)]
        try:
            for number in range(settings.runs):
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs.append(done.stdout.split())
                progress.tell(f"run {number + 1} of {settings.runs}")
        except KeyboardInterrupt:
            if not runs:
                raise
    seconds = Metric(tuple(float(run[0]) for run in runs), "s", "lower")
    imported = sorted({name for run in runs for name in run[1:]})
    return Figures(
        rows=(Row("onnxruntime", metrics={"seconds": seconds}, facts={"imported": imported}),),
        finished=len(runs) == settings.runs,
    )
