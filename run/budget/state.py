"""What a run with a time budget is resumed by: its plan, the speeds, and the time it has taken."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...base import InputError
from ...base.files import write_atomically
from ...base.reading import parse_json, read_text
from ..settings import RunSettings
from .clock import GenerationClock, Speeds, deadline_of
from .plans import BudgetPlan

STATE = "budget.json"


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
        plan = {
            one.name: getattr(self.plan, one.name)
            for one in fields(self.plan)
            if one.name != "settings"  # which the configuration holds
        }
        spent = time.perf_counter() - self.started
        content = {"plan": plan, "speeds": asdict(self.speeds), "spent": spent}
        write_atomically(folder / STATE, (json.dumps(content, indent=2) + "\n").encode())


def load_state(folder: Path, settings: RunSettings, started: float) -> BudgetState | None:
    """The budget of the run in `folder` that goes on at `started`; None where none was saved.

    The time between a kill, which saves nothing, and the last save before it is not counted. Raises
    `InputError` for a file that is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        content = parse_json(read_text(path, "budget"), f"budget {str(path)!r}")
        plan = BudgetPlan(settings=settings, **content["plan"])
        return BudgetState(plan, Speeds(**content["speeds"]), started - content["spent"])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} is damaged ({error}): remove it to go on without a time budget"
        ) from None
