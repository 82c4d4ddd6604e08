"""A worker's place among those that something else started: torchrun, SLURM, Kubernetes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ....base.errors import InputError
from ..commit.missing import Place

_RANKS = (
    # rank, number of workers, and the rank on this machine
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", ""),
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", ""),
)
# The first task of an array, and the distance to the next: `--array 1-31:10` has 1, 11, 21, 31.
_FIRST, _STEP = "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"


def place_from_environment(
    environment: Mapping[str, str] | None = None,
) -> tuple[Place, int | None]:
    """The place that the environment gives this worker, and its rank on this machine or None.

    In this order: RANK and WORLD_SIZE (torchrun, MPI wrappers), a SLURM array's task, a SLURM
    step's process, and an indexed job of Kubernetes, where JOB_COMPLETIONS must be set beside
    JOB_COMPLETION_INDEX. Raises `InputError` where there is none of these, or no sense in them.
    """
    values = os.environ if environment is None else environment
    for rank, count, local in _RANKS:
        if rank in values and count in values:
            number = _number(values, rank)
            if rank == "SLURM_ARRAY_TASK_ID":
                number = _in_array(number, values)
            world_size = _number(values, count)
            if not 0 <= number < world_size:
                raise InputError(
                    f"{rank} is {values[rank]} and {count} is {values[count]}: workers are "
                    "numbered from the first one on, without gaps"
                )
            return Place(number, world_size), _number(values, local) if local in values else None
    pairs = ", ".join(f"{rank} with {count}" for rank, count, _ in _RANKS)
    raise InputError(
        f"executor 'env' found no worker's number in the environment: it needs {pairs}; start it "
        "by torchrun, srun or a job array, or leave --executor out"
    )


def _in_array(task: int, values: Mapping[str, str]) -> int:
    """How many tasks of an array come before one; -1 for one between two."""
    first = _number(values, _FIRST) if _FIRST in values else 0
    step = _number(values, _STEP) if _STEP in values else 1
    number, rest = divmod(task - first, max(step, 1))
    return -1 if rest else number


def _number(values: Mapping[str, str], name: str) -> int:
    text = values[name]
    if not text.strip().isdecimal():
        raise InputError(f"{name} is {text!r} in the environment: a number from 0 on is needed")
    return int(text)
