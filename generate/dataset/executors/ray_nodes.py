"""Which nodes of a Ray cluster can have workers, and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....base import InputError
from ..config.settings import DatasetSettings


@dataclass(frozen=True)
class Node:
    """A node that can have workers."""

    id: str
    name: str
    places: int
    """How many."""
    cores: int
    """Of each worker; 0 for those on GPUs, which take whatever cores are idle."""


def uses_gpus(settings: DatasetSettings, nodes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether workers are to be on GPUs, by what was asked for and what `ray.nodes()` says.

    Raises `InputError` for devices that cannot be had from Ray.
    """
    on_cpu = settings.device == "cpu" or bool(settings.devices)
    if any(device != "cpu" for device in settings.devices) or ":" in settings.device:
        named = ", ".join(settings.devices) or settings.device
        raise InputError(
            f"device {named} was given, but Ray gives each worker a GPU of its own: leave it out, "
            "or give cpu, cpu for two workers on the cores of each node"
        )
    if on_cpu:
        return False
    if any(_number(node, "GPU") for node in nodes):
        return True
    if settings.device == "cuda":
        raise InputError("device 'cuda' was given, but no node of the cluster has a GPU: add one")
    return False


def places_for_workers(
    settings: DatasetSettings, nodes: Sequence[Mapping[str, Any]], on_gpus: bool
) -> list[Node]:
    """The nodes that can have workers now, of those that `ray.nodes()` says."""
    found = []
    each = max(1, len(settings.devices))
    for node in nodes:
        places = _number(node, "GPU") if on_gpus else min(each, _number(node, "CPU"))
        cores = 0 if on_gpus or not places else _number(node, "CPU") // places
        if places:
            name = node.get("NodeManagerHostname") or node["NodeManagerAddress"]
            found.append(Node(node["NodeID"], name, places, cores))
    return found


def _number(node: Mapping[str, Any], resource: str) -> int:
    return int(node["Resources"].get(resource, 0)) if node["Alive"] else 0
