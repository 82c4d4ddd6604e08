"""Schedulers of `diffusers`: a folder's own, as its pipeline repairs it, or another by name."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.errors import InputError, unknown
from ...base.printable import short
from .configuration import check_scheduler, model_index, part_class
from .json_files import read_json
from .model_info import REPAIRING, pipeline_kind

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

SPACINGS = ("leading", "linspace", "trailing")
"""How a scheduler spreads its timesteps (arXiv 2305.08891, table 2)."""
SCHEDULERS = (
    "DDIM",
    "DDIMParallel",
    "DDPM",
    "DDPMParallel",
    "DEISMultistep",
    "DPMSolverMultistep",
    "DPMSolverSinglestep",
    "EDMDPMSolverMultistep",
    "EDMEuler",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    "HeunDiscrete",
    "KDPM2AncestralDiscrete",
    "KDPM2Discrete",
    "LCM",
    "LMSDiscrete",
    "PNDM",
    "TCD",
    "UniPCMultistep",
)
"""Those whose steps can be read, without `Scheduler` at the end."""
_ENDING = "Scheduler"


def scheduler_config(folder: Path) -> dict[str, Any]:
    """The scheduler's configuration of a model's folder, or of an exported one.

    Its class is the one that `model_index.json` names, where there is one: the pipelines of
    `diffusers` do not look at the class in the scheduler's own file.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_json(path)
    index = folder / "model_index.json"
    if index.is_file() and (named := part_class(model_index(index, read_json(index)), "scheduler")):
        config["_class_name"] = named
    check_scheduler(path, config)
    return config


def write_scheduler(folder: Path, out: Path) -> None:
    """Write the model's scheduler, as `load_scheduler` gives it, into the folder `out`."""
    config = scheduler_config(folder)
    if str(config.get("_class_name", "")).removesuffix(_ENDING) in SCHEDULERS:
        _own_scheduler(folder, config).save_pretrained(out / "scheduler")
    else:  # another one can still be named
        shutil.copytree(folder / "scheduler", out / "scheduler")


def load_scheduler(folder: Path, name: str | None = None) -> SchedulerMixin:
    """The folder's scheduler, or another one by `name` with the folder's noise schedule.

    After a colon the name may have the spacing of timesteps: `EulerDiscrete:trailing`.
    """
    config = scheduler_config(folder)
    named, _, spacing = (name or "").partition(":")
    if not named and not spacing:
        return _own_scheduler(folder, config)
    kind = _kind(named or str(config.get("_class_name", "")))
    takes = inspect.signature(kind.__init__).parameters
    # Latents are not bounded: some schedulers would clip them to -1..1 if not told otherwise.
    changes: dict[str, Any] = {"clip_sample": False} if "clip_sample" in takes else {}
    if spacing:
        changes["timestep_spacing"] = _spacing(kind.__name__, spacing, takes)
    own = str(config.get("_class_name", "")).removesuffix(_ENDING)
    given = _own_scheduler(folder, config).config if own in SCHEDULERS else config
    return _made(folder, kind, given, **changes)


def _own_scheduler(folder: Path, config: dict[str, Any]) -> SchedulerMixin:
    """The scheduler of `config` after the repairs of the folder's pipeline."""
    from diffusers.configuration_utils import FrozenDict

    scheduler = _made(folder, _kind(str(config.get("_class_name", ""))), config)
    if not (folder / "model_index.json").is_file() or pipeline_kind(folder) != REPAIRING:
        return scheduler
    # As its constructor does, after the scheduler has been made of what the file says.
    repaired = dict(scheduler.config)
    if repaired.get("steps_offset", 1) != 1:
        repaired["steps_offset"] = 1
    if repaired.get("clip_sample", False) is True:
        repaired["clip_sample"] = False
    scheduler._internal_dict = FrozenDict(repaired)
    return scheduler


def _kind(name: str) -> Any:
    """The class called `name`, with or without `Scheduler` at the end."""
    import diffusers

    short = name.removesuffix(_ENDING)
    if short not in SCHEDULERS:
        raise unknown("scheduler", short, SCHEDULERS)
    return getattr(diffusers, f"{short}{_ENDING}")


def _made(folder: Path, kind: Any, config: Mapping[str, Any], **changes: Any) -> SchedulerMixin:
    name = kind.__name__.removesuffix(_ENDING)
    try:
        scheduler: SchedulerMixin = kind.from_config(config, **changes)
        return scheduler
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"scheduler {name!r} needs a library that is not installed ({reason}): install it, or "
            "choose another scheduler"
        ) from None
    except Exception as error:  # schedulers raise many kinds
        reason = " ".join(str(error).split())[:300]
        path = folder / "scheduler" / "scheduler_config.json"
        culprit = _culprit(kind, config, changes)
        what = f"has {short(config[culprit])} as {culprit!r}, of" if culprit else "is such that of"
        raise InputError(
            f"model file {str(path)!r} {what} which scheduler {name!r} cannot be made ({reason}): "
            "copy it again, or choose another scheduler"
        ) from None


def _culprit(kind: Any, config: Mapping[str, Any], changes: Mapping[str, Any]) -> str | None:
    """The field without which the scheduler can be made; None where there is no such one."""
    for name in config:
        with suppress(Exception):
            kind.from_config({key: config[key] for key in config if key != name}, **changes)
            return name
    return None


def _spacing(scheduler: str, spacing: str, takes: Container[str]) -> str:
    """A spacing of timesteps that the scheduler knows; `InputError` for any other."""
    if spacing not in SPACINGS:
        raise unknown("spacing of timesteps", spacing, SPACINGS)
    if "timestep_spacing" not in takes:
        name = scheduler.removesuffix("Scheduler")
        raise InputError(
            f"spacing {spacing!r} was asked for, scheduler {name!r} has one of its own: leave "
            f"':{spacing}' out"
        )
    return spacing
