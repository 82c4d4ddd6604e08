"""All commands of `zeroreal bench`: the list of them, and that help needs no heavy library."""

import subprocess
import sys

COMMANDS = (
    "throughput",
    "loop",
    "trace",
    "waterfall",
    "latency",
    "loader",
    "training",
    "sharing",
    "e2e",
    "recipes",
    "levers",
    "tricks",
    "writing",
    "plan",
    "workers",
    "dataset",
    "kernels",
    "export",
    "load",
    "serve",
    "deploy",
    "zeroshot",
    "gpu",
    "all",
    "tables",
    "compare",
    "page",
)


def test_help_lists_every_benchmark_in_one_line(command, monkeypatch):
    shown = command("bench", "--help").stdout
    listed = shown[shown.index("Commands") :].splitlines()[1:]
    rows = [line.strip("│ ") for line in listed if line.startswith("│")]
    assert [row.split()[0] for row in rows] == list(COMMANDS)
    assert all(row.endswith(".") for row in rows)


def test_no_help_needs_heavy_libraries():
    code = f"""
import sys
from zeroreal.cli.main import app
for name in {COMMANDS}:
    try:
        app(["bench", name, "--help"])
    except SystemExit as end:
        assert not end.code, name
heavy = {{"torch", "diffusers", "onnx", "onnxruntime", "timm", "safetensors"}}
assert not heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
