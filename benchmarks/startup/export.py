"""What exporting a full-size model and building it costs in time and memory.

    python -m zeroreal.benchmarks.startup.export --target sm_89 --result FILE

The weights are random, made by another process. Memory is resident memory, which counts the pages
of memory-mapped weight files; that of a process without a model is given beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, describe_environment
from ...engine import Cache
from ...export import ExportProgress, ExportSettings, build_plans, export_model, parse_range

_MAKE = """
import sys
from pathlib import Path
from zeroreal.export.model.random_weights import architecture, write_random_model
write_random_model(architecture(sys.argv[1]), Path(sys.argv[2]))
"""
_INTERVAL = 0.02


class Stages:
    """Seconds and peak resident memory of each stage."""

    def __init__(self) -> None:
        self.current = "start"
        self.peak_bytes: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def enter(self, stage: str) -> None:
        """From now on it is `stage`."""
        now = time.perf_counter()
        self.seconds[self.current] = self.seconds.get(self.current, 0.0) + now - self._since
        self.current, self._since = stage, now

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the memory all the while."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_INTERVAL):
                known = self.peak_bytes.get(self.current, 0)
                self.peak_bytes[self.current] = max(_resident_bytes(), known)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.enter("end")


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])  # proc(5)
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Export, build, and write what it took."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        model, out = Path(work, "model"), Path(work, "exported")
        subprocess.run([sys.executable, "-c", _MAKE, options.architecture, str(model)], check=True)
        result = _export(model, out, options)
        shutil.rmtree(model)
        if options.target is not None:
            result["tensorrt"] = _build(out, Path(work, "cache"), options)
    text = json.dumps(result, indent=2) + "\n"
    if options.result is not None:
        options.result.write_text(text)
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--architecture", default="sd15")
    parser.add_argument("--precision", default="fp16")
    parser.add_argument("--target", help="build TensorRT plans, too, for a GPU such as sm_89")
    parser.add_argument("--batch", default="1:8:16")
    parser.add_argument("--work", type=Path, help="where some gigabytes have room for a while")
    parser.add_argument("--result", type=Path)
    return parser.parse_args()


def _export(model: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    stages = Stages()

    def progress(state: ExportProgress) -> None:
        stages.enter(f"{state.graph}: {state.stage}")
        print(stages.current, file=sys.stderr)

    idle = _resident_bytes()
    began = time.perf_counter()
    with stages.watched():
        exported = export_model(model, out, ExportSettings(precision=options.precision), progress)
    seconds = time.perf_counter() - began
    weights = sum(graph.weight_bytes for graph in exported.graphs.values())
    peak = max(stages.peak_bytes.values())
    return {
        "command": shlex.join(
            ["python", "-m", "zeroreal.benchmarks.startup.export", *sys.argv[1:]]
        ),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "environment": describe_environment(torch.device("cpu")),
        "architecture": options.architecture,
        "image_size": exported.generate_size,
        "seconds": seconds,
        "weight_bytes": weights,
        "peak_bytes": peak,
        "peak_over_weights": peak / weights,
        "bytes_before": idle,
        "stages": {
            name: {"seconds": stages.seconds.get(name), "peak_bytes": stages.peak_bytes.get(name)}
            for name in stages.peak_bytes
        },
        "graphs": {
            name: {
                "precision": str(graph.precision).removeprefix("torch."),
                "weight_bytes": graph.weight_bytes,
                "errors": [asdict(error) for error in graph.errors],
                "notes": list(graph.notes),
            }
            for name, graph in exported.graphs.items()
        },
    }


def _build(out: Path, cache: Path, options: argparse.Namespace) -> dict[str, Any]:
    stages = Stages()

    def progress(graph: str, done: int, total: int) -> None:
        stages.enter(graph)
        print(f"build {graph}", file=sys.stderr)

    try:
        with stages.watched():
            plans = build_plans(
                out,
                options.target,
                parse_range(options.batch),
                cache=Cache(cache),
                on_progress=progress,
            )
    except InputError as error:
        return {"reason": str(error)}
    return {
        name: {
            "target": plan.report.target,
            "library": plan.report.library,
            "batch": options.batch,
            "seconds": plan.report.seconds,
            "peak_bytes": stages.peak_bytes.get(name),
            "plan_bytes": plan.report.plan_bytes,
            "activation_bytes": plan.report.activation_bytes,
            "layers": len(plan.report.layers),
            "layer_precisions": dict(plan.precisions),
            "attention": len(plan.report.attention),
            "attention_fused": sum(bool(layer.fused) for layer in plan.report.attention),
            "not_fused": [
                {"name": layer.name, "reason": layer.reason}
                for layer in plan.report.attention
                if not layer.fused
            ],
        }
        for name, plan in plans.items()
    }


if __name__ == "__main__":
    main()
