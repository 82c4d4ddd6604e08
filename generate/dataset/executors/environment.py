"""A worker's place among those that something else started: torchrun, SLURM, Kubernetes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ....base.errors import InputError
from ..missing import Place

_RANKS = (
    # rank, number of workers, the least rank, and the one on this machine
    ("RANK", "WORLD_SIZE", None, "LOCAL_RANK"),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", None),
    ("SLURM_PROCID", "SLURM_NTASKS", None, "SLURM_LOCALID"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", None, None),
)


def place_from_environment(
    environment: Mapping[str, str] | None = None,
) -> tuple[Place, int | None]:
    """The place that the environment gives this worker, and its rank on this machine or None.

    In this order: RANK and WORLD_SIZE (torchrun, MPI wrappers), a SLURM array's task, a SLURM
    step's process, and an indexed job of Kubernetes, where JOB_COMPLETIONS must be set beside
    JOB_COMPLETION_INDEX. Raises `InputError` where there is none of these, or no sense in them.
    """
    values = os.environ if environment is None else environment
    for rank, count, least, local in _RANKS:
        if rank in values and count in values:
            first = _number(values, least) if least in values else 0
            place = Place(_number(values, rank) - first, _number(values, count))
            if not 0 <= place.rank < place.world_size:
                raise InputError(
                    f"{rank} is {values[rank]} and {count} is {values[count]}: the first must be "
                    f"{first} or more and less than {first} + {count}"
                )
            return place, _number(values, local) if local in values else None
    pairs = ", ".join(f"{rank} with {count}" for rank, count, _, _ in _RANKS)
    raise InputError(
        f"executor 'env' found no worker's number in the environment: it needs {pairs}; start it "
        "by torchrun, srun or a job array, or leave --executor out"
    )


def _number(values: Mapping[str, str], name: str | None) -> int:
    text = values[name or ""]
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{name} is {text!r} in the environment: a number is needed") from None
