"""What runs graphs with layers in 8-bit floats."""

from __future__ import annotations

from ...base import InputError
from ..onnx.manifest import Exported

_FIRST = 89  # Ada; before it there are no such tensor cores


def check_fp8_target(target: str) -> None:
    """Raise `InputError` for a GPU, such as `sm_86`, that does not compute in 8-bit floats."""
    if int(target.removeprefix("sm_")) < _FIRST:
        raise InputError(
            f"precision 'fp8' needs a GPU from sm_{_FIRST} on, not {target}: use 'fp16' or 'bf16'"
        )


def check_fp8(exported: Exported, target: str, *, refittable: bool = False) -> None:
    """Raise `InputError` if plans of the folder's graphs for `target` cannot be in 8 bits.

    Graphs without them pass.
    """
    if all(graph.fp8 is None for graph in exported.graphs.values()):
        return
    check_fp8_target(target)
    if refittable:
        raise InputError(
            f"{str(exported.folder)!r} was exported in precision 'fp8', whose scales belong to its "
            "weights: a plan of it cannot be refitted with others, leave --refittable out"
        )
