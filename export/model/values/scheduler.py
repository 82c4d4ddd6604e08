"""The configuration of a scheduler."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator

from ....base.foreign import ForeignValues
from .parts import Share

_MOST_TIMESTEPS = 100_000
"""Published models have 1,000; each takes memory."""
_BETWEEN_BETAS = ("linear", "scaled_linear", "sigmoid")
"""Schedules that are drawn between two betas; the others do not look at them."""


class SchedulerValues(ForeignValues):
    """Of any scheduler; what a class does not know stands there without effect."""

    class_name: str | None = Field(None, alias="_class_name")
    num_train_timesteps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 1000
    trained_betas: Annotated[list[Share], Field(min_length=1)] | None = None
    beta_schedule: str = "linear"
    beta_start: Any = 0.0001
    beta_end: Any = 0.02
    prediction_type: Literal["epsilon", "sample", "v_prediction", "flow_prediction"] = "epsilon"
    timestep_spacing: Literal["leading", "linspace", "trailing"] | None = None
    steps_offset: Annotated[int, Field(ge=0, le=_MOST_TIMESTEPS)] = 0
    sigma_min: Annotated[float, Field(ge=0)] | None = None
    sigma_max: PositiveFloat | None = None
    sigma_data: PositiveFloat = 0.5
    rho: PositiveFloat = 7.0
    solver_order: Annotated[int, Field(ge=1, le=10)] = 2
    original_inference_steps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 50
    timestep_scaling: PositiveFloat = 10.0
    clip_sample_range: PositiveFloat = 1.0

    @field_validator("beta_start", "beta_end")
    @classmethod
    def _beta(cls, value: Any, info: ValidationInfo) -> Any:
        """Only those between which a schedule is drawn; EDM's schedulers have sigmas instead."""
        before = info.data
        is_unused = (
            before.get("trained_betas") is not None
            or before.get("beta_schedule") not in _BETWEEN_BETAS
            or str(before.get("class_name")).startswith("EDM")
        )
        if not (is_unused or (type(value) in (int, float) and 0 <= value <= 1)):
            raise ValueError("a number from 0 to 1 is needed")
        return value
