"""How fast a device's clocks run at the moment."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import torch

from ...report.results.conditions import gpu_figures

_GPU = {"clocks.sm": "sm_mhz", "clocks.mem": "memory_mhz"}


def clocks(device: torch.device) -> dict[str, float]:
    """MHz: of a GPU's multiprocessors and memory, or the mean of the processors'; may be empty."""
    if device.type == "cuda":
        said = gpu_figures(device, tuple(_GPU))
        return {_GPU[name]: float(text) for name, text in said.items() if text.isdecimal()}
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    speeds = processor_speeds(text)
    return {"cpu_mhz": fmean(speeds)} if speeds else {}


def processor_speeds(text: str) -> list[float]:
    """MHz of each processor in the text of /proc/cpuinfo, which not all processors say."""
    lines = (line.partition(":") for line in text.splitlines())
    return [float(value) for name, _, value in lines if name.strip() == "cpu MHz"]


def main_clock(found: dict[str, float]) -> float | None:
    """The clock that computing depends on."""
    return found.get("sm_mhz", found.get("cpu_mhz"))
