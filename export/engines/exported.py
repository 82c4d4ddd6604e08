"""The engines of exported graphs, in ONNX Runtime and TensorRT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...base import InputError
from ...engine import (
    ActivationArena,
    BuiltPlan,
    Cache,
    DimensionRange,
    Engine,
    GraphFile,
    Profile,
    built_plans,
    gpu_target,
    load_tensorrt,
)
from ...engine.onnxruntime.engine import OnnxRuntimeEngine
from ..graphs.specs import DENOISE, VAE_DECODER, VAE_ENCODER
from ..onnx.manifest import Exported
from ..onnx.settings import ExportProgress
from .choice import (
    EngineChoice,
    ModelEngines,
    check_choice,
    image_sides,
    model_engines,
    with_graphs,
)
from .float8_targets import check_fp8
from .model_export import exported_model
from .profiles import chosen_batches, covers, plan_profiles


def exported_engines(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None],
) -> ModelEngines:
    """The engines of a model or exported folder; see `load_engines`."""
    check_choice(choice)  # exporting takes a minute
    exported = _wanted(exported_model(folder, choice, cache, on_progress), choice)
    size = _generated_size(exported, choice)
    if choice.backend == "onnxruntime":
        engines = {
            name: _onnxruntime_engine(exported, name, choice, cache) for name in exported.graphs
        }
    else:
        engines = _tensorrt_engines(exported, choice, cache)
    return model_engines(exported.info, engines, exported.graphs[DENOISE].precision, size)


def _wanted(exported: Exported, choice: EngineChoice) -> Exported:
    """The folder with the graphs that are to be run."""
    if choice.encodes and VAE_ENCODER not in exported.graphs:
        raise InputError(
            f"{str(exported.folder)!r} was exported without the VAE encoder, which classifying "
            "takes: export the model again with --vae-encoder, or give its folder"
        )
    is_wanted = {VAE_ENCODER: choice.encodes, VAE_DECODER: choice.decodes}
    graphs = {name: graph for name, graph in exported.graphs.items() if is_wanted.get(name, True)}
    return replace(exported, graphs=graphs)


def _generated_size(exported: Exported, choice: EngineChoice) -> tuple[int, int]:
    """Height and width in pixels of what an exported folder's graphs generate."""
    if exported.generate_size is None:
        return image_sides(exported.info, choice.generate_size)
    size = exported.generate_size
    if choice.generate_size not in (None, size):
        asked, exists = ("x".join(map(str, one)) for one in (choice.generate_size, size))
        raise InputError(
            f"images of {asked} pixels (height x width) were asked for, {str(exported.folder)!r} "
            f"was exported for {exists}: leave the size out, or export with --generate-size any"
        )
    return size


def _tensorrt_engines(exported: Exported, choice: EngineChoice, cache: Cache) -> dict[str, Engine]:
    target = gpu_target(choice.device)
    check_fp8(exported, target)
    # Images are decoded while the next ones are denoised.
    shared, decoding = ActivationArena(choice.device), ActivationArena(choice.device)
    batch, decoded = chosen_batches(choice)
    sides = None
    if exported.generate_size is None:
        height, width = image_sides(exported.info, choice.generate_size)
        sides = (DimensionRange(height, height, height), DimensionRange(width, width, width))
    wanted = plan_profiles(exported, batch, sides, decoded)
    engines: dict[str, Engine] = {}
    for name, graph in exported.graphs.items():
        plan = _fitting(graph.file, wanted[name], built_plans(graph.file, target, cache))
        engines[name] = load_tensorrt(
            graph.file,
            plan.profile,
            choice.device,
            cache,
            refittable=plan.refittable,
            arena=decoding if name == VAE_DECODER else shared,
        )
    return with_graphs(engines, choice)


def _fitting(graph: GraphFile, wanted: Profile, built: list[BuiltPlan]) -> BuiltPlan:
    """The built plan for the least sizes that serve those wanted; none built: one to build."""
    if not built:
        return BuiltPlan(wanted, refittable=False)
    serving = [plan for plan in built if covers(plan.profile, wanted)]
    if serving:
        return min(serving, key=lambda plan: [size.largest for size in plan.profile.values()])
    ranges = "; ".join(_ranges(plan.profile) for plan in built)
    raise InputError(
        f"{graph.spec.name} is wanted for {_ranges(wanted)}, its TensorRT plans here were built "
        f"for {ranges}: choose a batch size inside, or build for it with 'zeroreal build DIR "
        "--engine tensorrt --batch MIN:BEST:MAX'"
    )


def _ranges(profile: Profile) -> str:
    return ", ".join(
        f"{name} {sizes.smallest} to {sizes.largest}" for name, sizes in profile.items()
    )


def _onnxruntime_engine(
    exported: Exported, name: str, choice: EngineChoice, cache: Cache
) -> Engine:
    graph = exported.graphs[name]
    if graph.precision == torch.bfloat16:
        raise InputError(
            f"{name} of {str(exported.folder)!r} is in bfloat16, which ONNX Runtime cannot compute "
            "with: export with --precision fp32 or fp16 and --vae-precision fp32"
        )
    built = cache.root / "onnxruntime" / graph.file.structure_digest[:32]
    return OnnxRuntimeEngine(graph.file, choice.device, provider=choice.variant, cache_folder=built)
