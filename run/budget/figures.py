"""What a run tells of its time budget."""

from __future__ import annotations

from dataclasses import dataclass

from .plans import BudgetPlan


@dataclass(frozen=True)
class BudgetFigures:
    """The time budget, and what was expected of the levers that were chosen for it."""

    seconds: float
    levers: str
    expected_images: int
    expected_accuracy: float
    expected_seconds: dict[str, float]


def budget_figures(plan: BudgetPlan, seconds: float) -> BudgetFigures:
    """Those of a plan for a budget of so many seconds."""
    expected = {
        "generate": plan.generate_seconds,
        "train": plan.train_seconds,
        "other": plan.other_seconds,
    }
    return BudgetFigures(seconds, plan.lever, plan.images, plan.accuracy, expected)
