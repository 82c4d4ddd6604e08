"""Our kernels against plain PyTorch, eager and compiled: time, bytes and share of the bandwidth.

    zeroreal bench kernels --device cuda --result FILE

Bytes are those of inputs and outputs, each counted once; the bandwidth is that of copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import keep_freed_memory, resolve_device, unknown
from ...kernels import native_library_status
from ..harness import (
    Contender,
    Measurement,
    Rounds,
    Tell,
    calibrated,
    check_counts,
    check_result_path,
    doubts,
    ratios,
    reason_of,
    run_facts,
    run_rounds,
    silent,
    spread,
    timed,
    write_result,
)
from ..harness.ceilings import copy_bandwidth
from .cases import KERNELS, SIZES, KernelCase

OURS, EAGER, COMPILED = CONTENDERS = ("ours", "eager", "compiled")
_ROUND_SECONDS = 0.1


@dataclass(frozen=True)
class KernelSettings:
    """Which kernels, and where."""

    kernels: tuple[str, ...] = tuple(KERNELS)
    """Names of `KERNELS`."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    rounds: int = 7
    """How often each contender takes its turn."""
    result: Path | None = None
    """The file to write."""


def bench_kernels(settings: KernelSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written after every kernel as well.

    Ctrl-C ends the kernel in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    device = _check(settings)
    if device.type == "cpu":
        keep_freed_memory()  # as the generator does; it serves all contenders
    bandwidth = copy_bandwidth(device)
    library = native_library_status()[device.type]
    result: dict[str, Any] = {
        **run_facts(device),
        "native_library": library.reason or "loaded",
        "rounds": settings.rounds,
        "copy_bytes_per_second": bandwidth,
        "interrupted": False,
        "kernels": [],
    }
    for name in settings.kernels:
        tell(name)
        case = KERNELS[name](SIZES[device.type], device)
        rounds, failed = _measure(case, device, settings.rounds)
        result["kernels"].append(_row(name, case, rounds, failed, bandwidth))
        result["interrupted"] = rounds.done < rounds.wanted
        if settings.result is not None:
            write_result(settings.result, result)
        if result["interrupted"]:
            break
    return result


def _check(settings: KernelSettings) -> torch.device:
    for name in settings.kernels:
        if name not in KERNELS:
            raise unknown("kernel", name, KERNELS)
    check_counts({"rounds": settings.rounds})
    device = resolve_device(settings.device)
    if settings.result is not None:
        check_result_path(settings.result)
    return device


def _measure(case: KernelCase, device: torch.device, rounds: int) -> tuple[Rounds, dict[str, str]]:
    """The rounds of those that can serve, and the reasons of those that cannot."""
    works = dict(
        zip(CONTENDERS, (case.ours, case.reference, torch.compile(case.reference)), strict=True)
    )
    contenders, failed = [], {}
    for name, work in works.items():
        try:
            repeats = calibrated(work, device, _ROUND_SECONDS)
        except Exception as error:  # a compiler may fail in any way
            failed[name] = reason_of(error)
            continue
        contenders.append(Contender(name, partial(timed, work, device, repeats)))
    return run_rounds(contenders, rounds), failed


def _row(
    name: str, case: KernelCase, rounds: Rounds, failed: dict[str, str], bandwidth: float
) -> dict[str, Any]:
    moved = case.read_bytes + _bytes(case.ours())
    measured = {measurement.name: measurement for measurement in rounds.measurements}
    found = doubts(rounds)
    return {
        "kernel": name,
        "shape": case.shape,
        "bytes": moved,
        "contenders": [
            {"name": contender, "reason": failed[contender]}
            if contender in failed
            else _figures(measured[contender], measured.get(EAGER), moved, bandwidth)
            for contender in CONTENDERS
        ],
        "valid": not found,
        "doubts": found,
    }


def _figures(
    own: Measurement, eager: Measurement | None, moved: int, bandwidth: float
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": own.name, "reason": own.reason, "seconds": own.seconds}
    if own.seconds:
        rate = moved / spread(own.seconds)["median"]
        row |= {"spread": spread(own.seconds), "bytes_per_second": rate}
        row |= {"share_of_copy": rate / bandwidth}
    if eager is not None and (each := ratios(own, eager)):
        row |= {"ratio_each_round": each, "ratio": spread(each)}
    return row


def _bytes(results: object) -> int:
    """Bytes of a tensor, or of all in a tuple."""
    tensors: Sequence[object] = results if isinstance(results, tuple) else (results,)
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, Tensor))
