"""Building engines ahead of time, for the GPU of another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ...base import InputError
from ...engine import Cache, DimensionRange, Inspection, cached_plan, gpu_target, inspect_plan
from ..onnx.manifest import read_manifest
from .choice import parse_engine
from .float8_targets import check_fp8
from .profiles import plan_profiles

DEFAULT_BATCH = DimensionRange(1, 16, 32)


def parse_range(text: str) -> DimensionRange:
    """A range written `MIN:BEST:MAX`, `MIN:MAX` or as one number."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise InputError(f"{text!r} is not a range: give MIN:BEST:MAX, such as 1:16:32")
    numbers = [int(part) for part in parts]
    return DimensionRange(numbers[0], numbers[len(numbers) // 2], numbers[-1])


def check_buildable(engine: str) -> None:
    """Raise `InputError` unless `engine` is one that is built ahead of time."""
    backend, _ = parse_engine(engine)
    if backend != "tensorrt":
        raise InputError(
            f"engine {engine!r} needs no building, it is made on first use: give 'tensorrt'"
        )


def target_here() -> str:
    """The GPU of this machine; `InputError` where it has none."""
    if not torch.cuda.is_available():
        raise InputError("there is no GPU to build for here: name one, such as --target sm_89")
    return gpu_target(torch.device("cuda"))


def build_plans(
    folder: str | Path,
    target: str | None = None,
    batch: DimensionRange = DEFAULT_BATCH,
    size: DimensionRange | None = None,
    *,
    refittable: bool = False,
    cache: Cache | None = None,
    on_progress: Callable[[str, int, int], None] = lambda graph, number, total: None,
) -> dict[str, Inspection]:
    """Build the graphs of an exported folder into TensorRT plans, and say what they hold.

    Args:
        folder: what `export_model` wrote.
        target: the GPU, such as `sm_89`; it need not be in this machine. By default the one here.
        batch: batch sizes to serve, in images.
        size: sides of images in pixels to serve, where the folder was exported for any size.
        refittable: whether weights can be exchanged later; needs the GPU.
        cache: where plans go; by default the user's.
        on_progress: told the graph that is built, its number, and how many there are.

    Raises:
        InputError: for what cannot be used or built.
    """
    exported = read_manifest(Path(folder))
    cache = cache or Cache()
    ahead_of_time = target is not None
    target = target or target_here()
    check_fp8(exported, target, refittable=refittable)
    profiles = plan_profiles(exported, batch, None if size is None else (size, size))
    inspections = {}
    for number, (name, graph) in enumerate(exported.graphs.items(), start=1):
        on_progress(name, number, len(exported.graphs))
        plan = cached_plan(
            graph.file,
            profiles[name],
            target,
            cache,
            refittable=refittable,
            ahead_of_time=ahead_of_time,
        )
        inspections[name] = inspect_plan(plan)
    return inspections
