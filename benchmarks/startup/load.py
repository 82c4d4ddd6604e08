"""Seconds to load the embedded model's export into ONNX Runtime, in new processes.

python -m zeroreal.benchmarks.startup.load --result FILE
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ...assets import TINY_FASHION
from ...export import ExportSettings, export_model
from ..harness import check_result_path, run_facts, spread, write_result

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


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    if options.result is not None:
        check_result_path(options.result)
    with tempfile.TemporaryDirectory() as folder:
        exported = export_model(TINY_FASHION, Path(folder, "model"), ExportSettings("fp32"))
        command = [sys.executable, "-c", _LOAD, str(exported.folder)]
        runs = [
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            for _ in range(options.runs)
        ]
    seconds = [float(run[0]) for run in runs]
    result = {
        **run_facts(torch.device("cpu")),
        "seconds": seconds,
        "spread": spread(seconds),
        "imported": sorted({name for run in runs for name in run[1:]}),
    }
    if options.result is not None:
        write_result(options.result, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
