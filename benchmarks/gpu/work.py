"""Working through the parts that take a GPU: those that are done are left out, others follow.

from zeroreal.benchmarks.gpu.work import work_through
outcomes = work_through(GpuSettings(budget=8))
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...base.errors import InputError, unknown
from ...report.results.sources import SOURCES
from .ledger import Ledger
from .parts import PARTS, Part
from .running import not_runnable_reason, run_part
from .settings import GpuSettings

State = Literal["done", "skipped", "failed", "not started", "interrupted"]
_ASK = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"


@dataclass(frozen=True)
class Outcome:
    """What became of a part."""

    part: Part
    path: Path
    """The file of its result."""
    state: State
    reason: str | None = None
    minutes: float = 0.0
    """That it took now."""


def work_through(
    settings: GpuSettings,
    tell: Callable[[str], None] = lambda line: None,
    parts: Sequence[Part] = PARTS,
    gpu: str | None = None,
) -> tuple[Outcome, ...]:
    """Run the parts that are asked for and not done; what became of each, in order.

    Args:
        settings: which, where to, and how long.
        tell: is given a line whenever a part begins or ends.
        parts: of which `settings` names some.
        gpu: its name in the results' file names; by default it is looked for.

    Ctrl-C ends the part in hand, whose state is `interrupted`, and starts no other. Raises
    `InputError` for unknown parts, a folder that cannot be written, and where there is no GPU.
    """
    chosen = _chosen(settings.parts, parts)
    out = _folder(settings.out)
    ledger = Ledger(out, gpu or gpu_name())
    began, outcomes = time.monotonic(), list[Outcome]()
    for part in chosen:
        spent = (time.monotonic() - began) / 60
        left = float("inf") if settings.budget is None else settings.budget - spent
        if outcomes and outcomes[-1].state == "interrupted":
            outcome = _not_started(part, ledger, "interrupted before")
        else:
            outcome = _work(part, ledger, settings, left, tell)
        outcomes.append(outcome)
    return tuple(outcomes)


def gpu_name() -> str:
    """The GPU's name, as file names have it; `InputError` where there is none.

    Another process asks: what CUDA takes in this one would be missing from the parts' memory.
    """
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True)
    if asked.returncode:
        said = asked.stderr.strip().splitlines() or ["no reason given"]
        raise InputError(f"PyTorch does not start here ({said[-1]}): install it for CUDA")
    if not (name := asked.stdout.strip()):
        raise InputError(
            "there is no CUDA device here: run this on a machine with an NVIDIA GPU and a PyTorch "
            "for CUDA"
        )
    return name.replace(" ", "-").replace("/", "-").lower()


def _work(
    part: Part, ledger: Ledger, settings: GpuSettings, left: float, tell: Callable[[str], None]
) -> Outcome:
    path = ledger.result_path(part)
    if ledger.has(part) and not settings.again:
        return Outcome(part, path, "skipped", "done before, with these settings and this code")
    if (reason := not_runnable_reason(part)) is not None:
        return Outcome(part, path, "failed", reason)
    if part.minutes > left:
        reason = f"about {part.minutes:g} minutes, {max(left, 0.0):.1f} are left of the budget"
        return _not_started(part, ledger, reason)
    tell(f"{part.name}: about {part.minutes:g} minutes")
    ledger.remove(part)
    began = time.monotonic()
    state: State = "done"
    try:
        reason = run_part(part, path, 60 * min(settings.minutes, left))
    except KeyboardInterrupt:
        state, reason = "interrupted", f"what it had by then is in {path.name}, if anything"
    minutes = (time.monotonic() - began) / 60
    if state == "done" and reason is None:
        ledger.add(part)
    elif state == "done":
        state = "failed"
    tell(f"{part.name}: {state} after {minutes:.1f} minutes")
    return Outcome(part, path, state, reason, minutes)


def _not_started(part: Part, ledger: Ledger, reason: str) -> Outcome:
    return Outcome(part, ledger.result_path(part), "not started", reason)


def _chosen(names: Sequence[str], parts: Sequence[Part]) -> list[Part]:
    known = {part.name: part for part in parts}
    for name in names:
        if name not in known:
            raise unknown("part", name, known)
    return [part for part in parts if not names or part.name in names]


def _folder(out: Path | None) -> Path:
    """The folder for results, made where it is not there."""
    folder = out or Path(os.environ.get("OUT") or SOURCES / "benchmarks" / "results")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder {str(folder)!r} for results cannot be made ({error.strerror}): name another "
            "with --out"
        ) from None
    return folder.resolve()
