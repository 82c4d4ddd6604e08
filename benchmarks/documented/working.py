"""Working through commands whose results say themselves what is done: only the rest is run."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from .part import Part, command_of, why_measure
from .running import ZEROREAL, run_command

State = Literal["done", "skipped", "failed", "not started", "interrupted"]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """A command, and what is known of it before it runs."""

    name: str
    path: Path
    """The file of its result: JSON, which it writes, or text, which is what it says."""
    command: tuple[str, ...]
    """What Python takes."""
    why: Callable[[], str | None]
    """Why the result at `path` does not serve; None if it does."""
    minutes: float | None = None
    """How long it is likely to take, where that is known."""
    hindrance: str | None = None
    """Why it cannot run on this machine; None if nothing is known against it."""


@dataclass(frozen=True)
class Limits:
    """How long work may take, in minutes; None for as long as it takes."""

    each: float | None = None
    """The most for one; what it has measured by then stays."""
    all: float | None = None
    """The most for all; what is likely to take more than is left is not started."""
    _began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Of the time for all."""
        spent = (time.monotonic() - self._began) / 60
        return float("inf") if self.all is None else max(self.all - spent, 0.0)

    @property
    def seconds(self) -> float | None:
        """That one may take now."""
        most = min(self.left, float("inf") if self.each is None else self.each)
        return None if most == float("inf") else 60 * most


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    work: Work
    state: State
    reason: str | None = None
    minutes: float = 0.0
    """That it took now."""


def work_of(part: Part, settings: Any, path: Path, device: str) -> Work:
    """What measures `part` with `settings` into `path`, on the device of that description."""
    words = shlex.split(command_of(part, settings, path))[1:]
    return Work(
        name=part.file,
        path=path,
        command=(*ZEROREAL, *words),
        why=lambda: why_measure(settings, path, device),
        minutes=part.minutes,
        hindrance=not_installed(part.needs),
    )


def not_installed(modules: Sequence[str]) -> str | None:
    """What is missing of `modules`, in words; None if nothing is."""
    missing = [name for name in modules if find_spec(name) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"


def work_through(
    works: Sequence[Work],
    tell: Tell,
    *,
    limits: Limits | None = None,
    again: bool = False,
    folder: Path | None = None,
) -> tuple[Outcome, ...]:
    """Run what is not done, one after the other; what became of each, in order.

    Args:
        works: in this order.
        tell: is given a line whenever one begins or ends.
        limits: how long they may take; by default as long as they take.
        again: run what is done as well.
        folder: the current one of the commands; by default that of this process.

    Ctrl-C ends the one in hand, whose state is `interrupted`, and starts no other.
    """
    limits = Limits() if limits is None else limits
    outcomes = list[Outcome]()
    for work in works:
        if any(one.state == "interrupted" for one in outcomes):
            outcomes.append(Outcome(work, "not started", "interrupted before"))
            continue
        outcomes.append(_outcome(work, tell, limits, again, folder))
    return tuple(outcomes)


def _outcome(work: Work, tell: Tell, limits: Limits, again: bool, folder: Path | None) -> Outcome:
    why = work.why()
    if why is None and not again:
        reason = "measured before, with the same settings and the same code"
        tell(f"{work.name}: {reason}")
        return Outcome(work, "skipped", reason)
    if work.hindrance is not None:
        tell(f"{work.name}: failed: {work.hindrance}")
        return Outcome(work, "failed", work.hindrance)
    if work.minutes is not None and work.minutes > limits.left:
        reason = f"about {work.minutes:g} minutes, {limits.left:.1f} are left of the budget"
        return Outcome(work, "not started", reason)
    return _run(work, why or "it is asked for", tell, limits, folder)


def _run(work: Work, why: str, tell: Tell, limits: Limits, folder: Path | None) -> Outcome:
    log = work.path.with_suffix(".log") if work.path.suffix == ".json" else work.path
    about = "" if work.minutes is None else f", about {work.minutes:g} minutes"
    tell(f"{work.name}: measuring, for {why}{about}; what it says goes to {log.name}")
    began = time.monotonic()
    state: State = "done"
    try:
        reason = run_command(work.command, log, seconds=limits.seconds, folder=folder)
    except KeyboardInterrupt:
        state, reason = "interrupted", "what it had by then stays"
    if state == "done":
        if reason is None and (still := work.why()) is not None:
            reason = f"it ended well, but {still}"
        state = "done" if reason is None else "failed"
    minutes = (time.monotonic() - began) / 60
    if state == "done" and log != work.path:
        log.unlink()
    because = "" if reason is None else f": {reason}"
    tell(f"{work.name}: {state} after {minutes:.1f} minutes{because}")
    return Outcome(work, state, reason, minutes)
