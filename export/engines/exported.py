"""The engines of exported graphs, in ONNX Runtime and TensorRT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...base import InputError, library_versions, unknown
from ...base.device import PRECISIONS
from ...engine import (
    ActivationArena,
    BuiltPlan,
    Cache,
    CacheKey,
    DimensionRange,
    Engine,
    GraphFile,
    Profile,
    built_plans,
    gpu_target,
    load_tensorrt,
)
from ...engine.onnxruntime.engine import OnnxRuntimeEngine
from ..graphs.steps import DENOISE, GRAPHS, VAE_DECODER
from ..model.model_folder import check_model_folder
from ..model.vae_folder import find_vae
from ..onnx.exporter import ExportProgress, ExportSettings, export_model, source_digest
from ..onnx.manifest import FORMAT, Exported, is_exported, read_manifest
from .choice import MODULES_FROM, EngineChoice, ModelEngines, image_side, model_engines, with_graphs
from .profiles import chosen_batches, covers, plan_profiles


def exported_engines(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None],
) -> ModelEngines:
    """The engines of a model or exported folder; see `load_engines`."""
    if choice.deep_cache:
        raise InputError(
            f"deep cache is not supported by engine {choice.backend!r}: use engine 'torch'"
        )
    exported = _exported(folder, choice, cache, on_progress)
    size = _image_size(exported, choice)
    if choice.backend == "onnxruntime":
        if choice.cuda_graphs:
            raise InputError(
                "CUDA graphs cannot hold what engine 'onnxruntime' runs: leave them out, or use "
                "engine 'torch' or 'tensorrt'"
            )
        engines = {name: _onnxruntime_engine(exported, name, choice, cache) for name in GRAPHS}
    else:
        engines = _tensorrt_engines(exported, choice, cache)
    return model_engines(exported.info, engines, exported.graphs[DENOISE].precision, size)


def _exported(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None],
) -> Exported:
    """The exported folder itself, or the model's export out of the cache."""
    if is_exported(folder):
        exported = read_manifest(folder)
        _check_precision(exported, choice)
        _check_vae(exported, choice)
        return exported
    info = check_model_folder(folder)
    vae = find_vae(folder, info, choice.vae)
    side = image_side(info, choice.image_size)
    if choice.backend == "onnxruntime" and choice.precision == "bf16":
        raise InputError(
            "ONNX Runtime cannot compute in precision 'bf16': use 'fp32' or 'fp16', or engine "
            "'torch'"
        )
    precision = choice.precision
    if precision == "auto":
        precision = "fp32" if choice.device.type == "cpu" else "fp16"
    settings = ExportSettings(precision=precision, image_size=(side, side), vae=choice.vae)
    if choice.backend == "onnxruntime" and precision == "fp16":
        # ONNX Runtime has no bf16 convolution, which the VAE would get where fp16 overflows.
        settings = replace(settings, vae_precision="fp32")
    exporters = library_versions((*MODULES_FROM, "onnxscript"))
    key = CacheKey(
        kind="export",
        name=folder.name,
        graph=source_digest(folder, vae=vae),
        options={
            "precision": precision,
            "vae_precision": settings.vae_precision,
            "image_size": side,
            "format": FORMAT,
        },
        library=" ".join(f"{name} {version}" for name, version in exporters.items()),
        device="any",
        driver=None,
    )
    entry = cache.get(key, lambda partial: _export_into(partial, folder, settings, on_progress))
    return read_manifest(entry / "model")


def _export_into(
    partial: Path,
    folder: Path,
    settings: ExportSettings,
    on_progress: Callable[[ExportProgress], None],
) -> None:
    export_model(folder, partial / "model", settings, on_progress)


def _check_precision(exported: Exported, choice: EngineChoice) -> None:
    holds = exported.graphs[DENOISE].precision
    if choice.precision != "auto" and PRECISIONS.get(choice.precision) != holds:
        if choice.precision not in PRECISIONS:
            raise unknown("precision", choice.precision, ["auto", *PRECISIONS])
        raise InputError(
            f"precision {choice.precision!r} was asked for, {str(exported.folder)!r} was exported "
            f"in {str(holds).removeprefix('torch.')}: leave it out, or export the model again"
        )


def _check_vae(exported: Exported, choice: EngineChoice) -> None:
    if choice.vae is not None:
        raise InputError(
            f"VAE {choice.vae!r} was asked for, {str(exported.folder)!r} was exported with "
            f"{exported.source['vae']!r}: leave it out, or export the model again with it"
        )


def _image_size(exported: Exported, choice: EngineChoice) -> tuple[int, int]:
    """Height and width in pixels of what an exported folder's graphs generate."""
    if exported.image_size is None:
        side = image_side(exported.info, choice.image_size)
        return side, side
    height, width = exported.image_size
    if choice.image_size is not None and (height, width) != (choice.image_size,) * 2:
        raise InputError(
            f"images of {choice.image_size} pixels a side were asked for, "
            f"{str(exported.folder)!r} was exported for {height}x{width}: leave the size out, or "
            "export with --image-size any"
        )
    return height, width


def _tensorrt_engines(exported: Exported, choice: EngineChoice, cache: Cache) -> dict[str, Engine]:
    if choice.device.type != "cuda":
        raise InputError(
            f"engine 'tensorrt' runs on CUDA devices, not on {choice.device.type!r}: choose another"
        )
    target = gpu_target(choice.device)
    # Images are decoded while the next ones are denoised.
    shared, decoding = ActivationArena(choice.device), ActivationArena(choice.device)
    batch, decoded = chosen_batches(choice)
    sides = None
    if exported.image_size is None:
        side = image_side(exported.info, choice.image_size)
        sides = DimensionRange(side, side, side)
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
