"""Energy that a device really took, by its own counters; never from what it is rated for.

A GPU's is NVML's total since the driver was loaded, of the whole board. A CPU's is RAPL's, of all
packages, without memory: https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

_POWERCAP = Path("/sys/class/powercap")
_WINDOWS, _WINDOW_SECONDS = 5, 1.0  # NVML's counter moves every 20 to 100 ms


class EnergyMeter(Protocol):
    """Joules since the last reading."""

    source: str
    """What was read."""

    def joules(self) -> float:
        """Since the reading before, or since the meter was made."""


@dataclass(frozen=True)
class Counter:
    """A counter that begins again from 0 after its largest value."""

    read: Callable[[], int]
    largest: int | None
    """None: it never begins again."""


def counted(before: int, after: int, largest: int | None) -> int:
    """How far a counter went that began again once at most."""
    if after >= before or largest is None:
        return after - before
    return after + largest + 1 - before


class CounterMeter:
    """Adds up counters of one unit."""

    def __init__(self, source: str, counters: Sequence[Counter], joules_a_count: float) -> None:
        self.source = source
        self._counters, self._unit = counters, joules_a_count
        self._last = [counter.read() for counter in counters]

    def joules(self) -> float:
        """See `EnergyMeter`; read it before a counter can have begun again twice."""
        now = [counter.read() for counter in self._counters]
        steps = [
            counted(before, after, counter.largest)
            for before, after, counter in zip(self._last, now, self._counters, strict=True)
        ]
        self._last = now
        return self._unit * sum(steps)


def energy_meter(device: torch.device, powercap: Path = _POWERCAP) -> EnergyMeter | str:
    """A meter of what `device` takes, or why there is none."""
    return _nvml_meter(device) if device.type == "cuda" else _rapl_meter(powercap)


def joules_per_image(
    meter: EnergyMeter, batch: Callable[[], object], images: int
) -> tuple[float, ...]:
    """Joules an image takes in each of a few windows, of at least a second and one batch."""
    return tuple(_window(meter, batch, images) for _ in range(_WINDOWS))


def _window(meter: EnergyMeter, batch: Callable[[], object], images: int) -> float:
    made, began = 0, time.perf_counter()
    meter.joules()
    while not made or time.perf_counter() - began < _WINDOW_SECONDS:
        batch()
        made += images
    return meter.joules() / made


def _rapl_meter(powercap: Path) -> EnergyMeter | str:
    packages = [
        zone
        for zone in sorted(powercap.glob("intel-rapl:*"))
        if zone.name.count(":") == 1 and _text(zone / "name").startswith("package")
    ]
    if not packages:
        return f"{powercap} has no processor package: this machine does not show RAPL's counters"
    try:
        counters = [
            Counter(_reader(zone / "energy_uj"), int(_text(zone / "max_energy_range_uj")))
            for zone in packages
        ]
        return CounterMeter(f"RAPL, {len(packages)} packages", counters, 1e-6)
    except (OSError, ValueError) as error:
        return f"RAPL's counters cannot be read ({error}): run as root, or let this user read them"


def _reader(path: Path) -> Callable[[], int]:
    return lambda: int(path.read_text())


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _nvml_meter(device: torch.device) -> EnergyMeter | str:
    """By the driver's library itself, which needs no package."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        return f"NVML cannot be loaded ({error})"
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    name = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()

    def read() -> int:
        status = library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        if status:
            raise OSError(f"NVML's status is {status}")
        return millijoules.value

    try:
        for status in (
            library.nvmlInit_v2(),
            library.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)),
        ):
            if status:
                raise OSError(f"NVML's status is {status}")
        return CounterMeter("NVML, whole board", [Counter(read, None)], 1e-3)
    except OSError as error:  # MIG instances and GPUs before Volta have no counter
        return f"the GPU's energy counter cannot be read: {error}"
