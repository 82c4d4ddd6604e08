"""What a run with a time budget is resumed by: its plan, the speeds, and the time it has taken."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...base.errors import InputError
from ...base.files import write_atomically
from ...base.foreign import check_fields
from ...base.reading import load_json
from ..settings import RunSettings
from .clock import GenerationClock, Speeds, deadline_of
from .plans import BudgetPlan

STATE = "budget.json"
_REMEDY = "remove it to go on without a time budget"


@dataclass(frozen=True)
class _Plan:
    """A `BudgetPlan` without its settings, which the configuration holds."""

    lever: str
    images: int
    accuracy: float
    generate_seconds: float
    train_seconds: float
    other_seconds: float


@dataclass(frozen=True)
class _Saved:
    plan: _Plan
    speeds: Speeds
    spent: float


@dataclass(frozen=True)
class BudgetState:
    """The budget of a run in work."""

    plan: BudgetPlan
    speeds: Speeds
    started: float
    """On the clock `time.perf_counter`, moved back by what the run took before it was resumed."""

    def clock(self, seconds: float) -> GenerationClock:
        """Says when generation is to end, for a run of `seconds` in all."""
        return GenerationClock(deadline_of(seconds, self.started), self.speeds)

    def save(self, folder: Path) -> None:
        """Write the state, with the time that the run has taken so far."""
        spent = time.perf_counter() - self.started
        plan = _Plan(**{one.name: getattr(self.plan, one.name) for one in fields(_Plan)})
        content = asdict(_Saved(plan, self.speeds, spent))
        write_atomically(folder / STATE, (json.dumps(content, indent=2) + "\n").encode())


def load_state(folder: Path, settings: RunSettings, started: float) -> BudgetState | None:
    """The budget of the run in `folder` that goes on at `started`; None where none was saved.

    The time between a kill, which saves nothing, and the last save before it is not counted. Raises
    `InputError` for a file that is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    where = f"budget {str(path)!r}"
    content = check_fields(_Saved, load_json(path, "budget", _REMEDY), where, _REMEDY)
    for name, value in {**vars(content.plan), **vars(content.speeds), **vars(content)}.items():
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise InputError(f"{where} has {value} as {name!r}: 0 or more is needed; {_REMEDY}")
    plan = BudgetPlan(settings=settings, **asdict(content.plan))
    return BudgetState(plan, content.speeds, started - content.spent)
