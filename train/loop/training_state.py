"""Whether a state fits a training: checked as a whole before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from ...base.errors import InputError
from ..states import check_names, check_shape, check_state
from .epoch_sums import EpochReport

_WHAT = "the training's state"
_KEYS = (
    "model",
    "average",
    "optimizer",
    "scaler",
    "updates",
    "batches",
    "sums",
    "reports",
    "random",
    "loader",
)


def check_training_state(
    state: Any,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Raise `InputError` unless `state` fits model, average, optimiser and scaler of a training."""
    check_state(state, _KEYS, _WHAT, optional=("cuda_random",))
    _check_module(state["model"], model, "model")
    if average is not None:
        _check_module(state["average"], average, "average")
    _check_optimizer(state["optimizer"], optimizer)
    check_state(state["scaler"], scaler.state_dict(), f"{_WHAT}, in its scaler,")
    check_state(state["sums"], ("loss", "hits", "n"), f"{_WHAT}, in its sums,")
    for report in state["reports"]:
        names = [field.name for field in fields(EpochReport)]
        check_state(report, names, f"{_WHAT}, in a report,")
    check_shape(state["random"], torch.get_rng_state().shape, f"{_WHAT}: its random state")


def _check_module(found: Any, module: nn.Module, name: str) -> None:
    what = f"{_WHAT}, in its {name},"
    if not isinstance(found, Mapping):
        raise InputError(f"{_WHAT} has no weights of its {name}: start anew")
    expected = module.state_dict()
    check_names(found, expected, what)
    for key, value in expected.items():
        check_shape(found[key], value.shape, f"{what} {key!r}")


def _check_optimizer(found: Any, optimizer: torch.optim.Optimizer) -> None:
    what = f"{_WHAT}, in its optimizer,"
    expected = optimizer.state_dict()
    check_state(found, expected, what)
    groups, known = (
        [group["params"] for group in state["param_groups"]] for state in (found, expected)
    )
    if groups != known:
        raise InputError(
            f"{what} has groups of {list(map(len, groups))} weights, not {list(map(len, known))}: "
            "start anew"
        )
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    check_names(found["state"], (), f"{what} among its moments,", optional=range(len(weights)))
    for number, moments in found["state"].items():
        for name, moment in moments.items():
            if getattr(moment, "ndim", 0):
                check_shape(moment, weights[number].shape, f"{what} {name!r} of weight {number}")
