"""A worker on a Ray cluster, as the driver sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ray.exceptions import RayError

from ..job import DatasetProgress, WorkDone
from .messages import Failure, Opened
from .ray_nodes import Node

_NOT_IMPORTED = "failed to import"  # in what Ray says where a node lacks the actor's module


@dataclass(eq=False)
class Member:
    """A worker, and what it told."""

    actor: Any
    node: Node
    work: Any
    """What `work` will give, in Ray's keeping."""
    talk: Any
    """What `exchange` will give; None while the worker is idle."""
    opened: Opened | None = None
    is_idle: bool = False
    given: set[int] = field(default_factory=set)
    progress: DatasetProgress | None = None
    done: WorkDone | None = None

    @property
    def images(self) -> int:
        """That it made."""
        return self.progress.done - self.progress.before if self.progress else 0


def failure_of_actor(error: RayError, node: Node) -> Failure:
    """What to say of a worker that Ray has lost."""
    text = str(error)
    if _NOT_IMPORTED in text or "No module named 'zeroreal" in text:
        return Failure(
            f"zeroreal cannot be imported on node {node.name}: install the same version, in "
            "the environment in which Ray runs, on every node"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Failure(f"{type(error).__name__}: {lines[0] if lines else ''}", "")
