"""Training in several processes, as `torchrun` starts them: one for each GPU."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .errors import InputError

__all__ = [
    "Ranks",
    "agreed",
    "device_of_rank",
    "distribute",
    "join_ranks",
    "least",
    "sum_over_ranks",
]


@dataclass(frozen=True)
class Ranks:
    """Which process is the one at hand, among those that train together."""

    rank: int
    world_size: int

    @classmethod
    def current(cls) -> Ranks:
        """The process at hand in its process group; the only one where there is no group."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls(0, 1)
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0


def device_of_rank(device: str) -> str:
    """The device of this process: each that `torchrun` started on a machine has its own GPU."""
    if not _is_started_by_torchrun() or not torch.cuda.is_available() or device == "cpu":
        return device
    return f"cuda:{os.environ['LOCAL_RANK']}"


def join_ranks(device: torch.device) -> Ranks:
    """Join the processes that `torchrun` started, by its environment; alone where it did not.

    NCCL carries the gradients between GPUs, Gloo between CPUs.
    """
    if not _is_started_by_torchrun():
        return Ranks(0, 1)
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)  # where NCCL puts what it exchanges
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"the processes of torchrun cannot be joined ({reason}): start them with torchrun, "
                "or unset RANK and WORLD_SIZE"
            ) from None
        atexit.register(dist.destroy_process_group)
    return Ranks.current()


def agreed(value: str) -> str:
    """The first rank's `value`, on all of them."""
    if Ranks.current().world_size == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def least(value: int, device: torch.device) -> int:
    """The least `value` of all processes."""
    if Ranks.current().world_size == 1:
        return value
    values = torch.tensor([value], device=device)
    dist.all_reduce(values, dist.ReduceOp.MIN)
    return int(values)


def distribute(model: nn.Module, device: torch.device) -> nn.Module:
    """`model`, its gradients averaged over all processes; as it is where there is one."""
    if Ranks.current().world_size == 1:
        return model
    ids = [device] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids)


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of `tensor` over all processes, in place."""
    if Ranks.current().world_size > 1:
        dist.all_reduce(tensor)
    return tensor


def _is_started_by_torchrun() -> bool:
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ
