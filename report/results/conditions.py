"""Whether a machine was fit to be measured on: what else it did before and meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

MOST_BUSY = 0.05
"""Share of the processors' time that others may take before the start."""
MOST_STOLEN = 0.02
"""Share of the processors' time that a hypervisor may give to others while we measure."""
_LOOK = 1.0  # seconds
# Of nvidia-smi's --query-gpu: https://docs.nvidia.com/deploy/nvidia-smi/index.html
GPU_FIELDS = (
    "driver_version",
    "power.limit",
    "clocks.max.sm",
    "clocks.max.memory",
    "mig.mode.current",
)
_GPU_NOW = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw", "utilization.gpu")
_THROTTLES = {
    "hw_slowdown": "the hardware slowed its clocks",
    "sw_thermal_slowdown": "it was too hot",
    "sw_power_cap": "it reached its power limit",
}
_REASONS = ("clocks_event_reasons", "clocks_throttle_reasons")  # drivers before 535 know the latter


@dataclass(frozen=True)
class Processors:
    """Time that all processors have spent since the machine started, in ticks (proc(5))."""

    total: int
    busy: int
    stolen: int

    @staticmethod
    def now() -> Processors | None:
        """As /proc/stat has it; None where there is none."""
        try:
            first = Path("/proc/stat").read_text().splitlines()[0]
        except OSError:
            return None
        user, nice, system, idle, waiting, irq, soft, stolen, *_ = map(int, first.split()[1:])
        busy = user + nice + system + irq + soft
        return Processors(busy + idle + waiting + stolen, busy, stolen)


class Conditions:
    """Looks at the machine before a measurement, for a second, and at the end.

    Args:
        device: what is measured on.
        look: seconds to look for before the start.
    """

    def __init__(self, device: torch.device, look: float = _LOOK) -> None:
        self._device = device
        self.busy, self._began = _looked(look)
        """Share of the processors' time that others took before the start; None if not known."""
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        self._gpu = gpu_figures(device, _GPU_NOW)

    def content(self) -> dict[str, Any]:
        """What was found, as a result's environment has it."""
        return {
            "busy_share_before": self.busy,
            "load_before": self._load,
            "stolen_share": self._stolen(),
            "gpu_before": self._gpu,
            "gpu_after": gpu_figures(self._device, _GPU_NOW),
        }

    def reasons(self) -> list[str]:
        """Why figures measured since the start are not to be trusted."""
        found, stolen = [], self._stolen()
        if self.busy is not None and self.busy > MOST_BUSY:
            found.append(
                f"other programs took {100 * self.busy:.0f} % of the processors before the start, "
                f"{100 * MOST_BUSY:.0f} % is the most"
            )
        if stolen is not None and stolen > MOST_STOLEN:
            found.append(
                f"the hypervisor gave {100 * stolen:.0f} % of the processors' time to others, "
                f"{100 * MOST_STOLEN:.0f} % is the most"
            )
        throttled = (f"the GPU was throttled at the end: {text}" for text in self._throttled())
        return [*found, *throttled]

    def _throttled(self) -> list[str]:
        """The reasons for lower clocks that the GPU names now, in words."""
        for group in _REASONS:
            now = gpu_figures(self._device, [f"{group}.{name}" for name in _THROTTLES])
            if now:
                states = zip(_THROTTLES.values(), now.values(), strict=True)
                return [text for text, state in states if state == "Active"]
        return []

    def _stolen(self) -> float | None:
        return _share(self._began, Processors.now(), "stolen")


def gpu_figures(device: torch.device, fields: Sequence[str]) -> dict[str, str]:
    """What nvidia-smi says of `fields`, in MHz, W and degrees; nothing of a CPU or without it."""
    if device.type != "cuda":
        return {}
    command = [
        "nvidia-smi",
        f"--id=GPU-{torch.cuda.get_device_properties(device).uuid}",
        f"--query-gpu={','.join(fields)}",
        "--format=csv,noheader,nounits",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in done.stdout.strip().split(",")]
    return dict(zip(fields, values, strict=True)) if len(values) == len(fields) else {}


def busy_share(look: float) -> float | None:
    """Share of the processors' time in use within the next `look` seconds; None if not known."""
    return _looked(look)[0]


def _looked(look: float) -> tuple[float | None, Processors | None]:
    before = Processors.now()
    time.sleep(look)
    after = Processors.now()
    return _share(before, after, "busy"), after


def _share(before: Processors | None, after: Processors | None, what: str) -> float | None:
    if before is None or after is None or after.total <= before.total:
        return None
    return float(getattr(after, what) - getattr(before, what)) / (after.total - before.total)
