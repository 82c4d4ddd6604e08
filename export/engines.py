"""The three engines of a model, on the backend that the user chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..engine import (
    ActivationArena,
    BuiltPlan,
    Cache,
    CacheKey,
    CudaGraphEngine,
    DimensionRange,
    Engine,
    GraphFile,
    GraphMemory,
    InputError,
    Profile,
    TorchEngine,
    built_plans,
    compiled_engine,
    gpu_target,
    library_versions,
    load_tensorrt,
    resolve_precision,
    unknown,
)
from ..engine.device import PRECISIONS
from ..engine.digest import key_digest
from ..engine.onnxruntime_engine import PROVIDERS, OnnxRuntimeEngine
from .exporter import ExportProgress, ExportSettings, export_model, source_digest
from .graphs import DENOISE, GRAPHS, TEXT_ENCODER, VAE_DECODER, graph_specs
from .manifest import Exported, is_exported, read_manifest
from .model_folder import check_model_folder
from .model_info import ModelInfo
from .modules import check_attention, load_module

VARIANTS = {
    "torch": ("eager", "compiled"),
    "onnxruntime": tuple(PROVIDERS),
    "tensorrt": (),
}
"""Every backend with the variants that may follow it after a colon: `torch:compiled`."""
_TEXT_BATCH = 64
# What decides the operations of a module, beside its weights.
_MODULES_FROM = ("zeroreal", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class EngineChoice:
    """Which engines, and for what; names are checked by `parse_engine`."""

    backend: str
    variant: str | None
    device: torch.device
    precision: str
    """`auto`, `fp32`, `bf16` or `fp16`."""
    batch_size: int
    """Images denoised and decoded together, at most."""
    attention: str = "auto"
    cuda_graphs: bool = False


@dataclass(frozen=True)
class ModelEngines:
    """A model ready to run: text encoder, denoising step and VAE decoder."""

    info: ModelInfo
    text_encoder: Engine
    denoise: Engine
    vae_decoder: Engine
    dtype: torch.dtype
    """Of the denoiser's weights and of the text embeddings that it takes."""
    image_size: tuple[int, int]
    """Height and width in pixels of the images that the VAE decoder gives."""

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self.denoise.backend


def parse_engine(name: str) -> tuple[str, str | None]:
    """Backend and variant of an engine's name such as `torch` or `onnxruntime:cuda`."""
    backend, _, variant = name.partition(":")
    if backend not in VARIANTS:
        raise unknown("engine", name, ["auto", *VARIANTS])
    if variant and variant not in VARIANTS[backend]:
        raise unknown(f"variant of engine {backend}", variant, VARIANTS[backend] or ["none"])
    return backend, variant or None


def load_engines(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None] = lambda progress: None,
) -> ModelEngines:
    """The engines of a model or exported folder; built and cached if they are not there yet.

    Raises `InputError` for a folder or a choice that cannot be used.
    """
    if choice.backend == "torch":
        return _torch_engines(folder, choice, cache)
    exported = _exported(folder, choice, cache, on_progress)
    if choice.backend == "onnxruntime":
        engines = {name: _onnxruntime_engine(exported, name, choice, cache) for name in GRAPHS}
    else:
        engines = _tensorrt_engines(exported, choice, cache)
    dtype = exported.graphs[DENOISE].precision
    side = exported.info.image_side
    return _model_engines(exported.info, engines, dtype, exported.image_size or (side, side))


def _model_engines(
    info: ModelInfo, engines: dict[str, Engine], dtype: torch.dtype, image_size: tuple[int, int]
) -> ModelEngines:
    text, denoise, vae = (engines[name] for name in GRAPHS)
    return ModelEngines(info, text, denoise, vae, dtype, image_size)


def batch_profiles(batch: DimensionRange) -> dict[str, Profile]:
    """The profile of each graph for batches of images in the range of `batch`."""
    rows = DimensionRange(batch.smallest, 2 * batch.best, 2 * batch.largest)
    text = DimensionRange(1, _TEXT_BATCH, _TEXT_BATCH)
    return {
        TEXT_ENCODER: {"batch": text},
        DENOISE: {"batch": batch, "rows": rows},
        VAE_DECODER: {"batch": batch},
    }


def plan_profiles(
    exported: Exported, batch: DimensionRange, size: DimensionRange | None = None
) -> dict[str, Profile]:
    """The profiles of an exported folder's graphs; `size` is that of images, in pixels a side.

    Without `size`, where sizes are free, the one that the model was trained on. `InputError` for a
    size where they are not free, and one that is no whole number of latents.
    """
    profiles = batch_profiles(batch)
    if exported.image_size is not None:
        if size is not None:
            height, width = exported.image_size
            raise InputError(
                f"a range of sizes was given, {str(exported.folder)!r} was exported for "
                f"{height}x{width} pixels alone: leave it out, or export with --image-size any"
            )
        return profiles
    side, scale = exported.info.image_side, exported.info.vae_scale
    size = size or DimensionRange(side, side, side)
    pixels = (size.smallest, size.best, size.largest)
    if any(number % scale for number in pixels):
        raise InputError(f"sizes {pixels} are not all multiples of {scale} pixels: choose others")
    latents = DimensionRange(*(number // scale for number in pixels))
    spatial = {"height": latents, "width": latents}
    return {
        name: profile if name == TEXT_ENCODER else {**profile, **spatial}
        for name, profile in profiles.items()
    }


def _torch_engines(folder: Path, choice: EngineChoice, cache: Cache) -> ModelEngines:
    if is_exported(folder):
        raise InputError(
            f"{str(folder)!r} holds ONNX graphs: use engine 'onnxruntime' or 'tensorrt', or give "
            "the folder that it was exported from"
        )
    info = check_model_folder(folder)
    device = choice.device
    dtype = resolve_precision(choice.precision, device)
    dtypes = dict.fromkeys(GRAPHS, dtype)
    if dtype == torch.float16:
        dtypes[VAE_DECODER] = _vae_dtype(device)
    size = (info.image_side, info.image_side)
    specs = graph_specs(info, dtypes, size)
    profiles = batch_profiles(DimensionRange(1, choice.batch_size, choice.batch_size))
    compiled = choice.variant == "compiled"
    digest = source_digest(folder) if compiled else ""
    engines: dict[str, Engine] = {}
    for name in GRAPHS:

        def make_module(name: str = name) -> torch.nn.Module:
            module = load_module(name, folder, info, dtypes[name], attention=choice.attention)
            if name == DENOISE:
                check_attention(module, choice.attention, device)
            return module.to(memory_format=_memory_format(device))

        if compiled:
            parts = {"model": digest, "graph": name, "attention": choice.attention}
            key = key_digest({**parts, "libraries": library_versions(_MODULES_FROM)})
            engines[name] = compiled_engine(
                make_module, specs[name], profiles[name], device, key, cache
            )
        else:
            engines[name] = TorchEngine(make_module(), specs[name], device)
    return _model_engines(info, _with_graphs(engines, choice), dtype, size)


def _memory_format(device: torch.device) -> torch.memory_format:
    """Tensor cores want channels last; CPUs compute bf16 slower in it."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def _vae_dtype(device: torch.device) -> torch.dtype:
    """In place of fp16, which overflows in some VAEs: black images."""
    native = resolve_precision("auto", device)
    return native if native == torch.bfloat16 else torch.float32


def _with_graphs(engines: dict[str, Engine], choice: EngineChoice) -> dict[str, Engine]:
    if not choice.cuda_graphs:
        return engines
    if choice.device.type != "cuda":
        raise InputError(
            f"CUDA graphs need a CUDA device, not {choice.device.type!r}: leave them out"
        )
    memory = GraphMemory.on(choice.device)
    return {name: CudaGraphEngine(engine, memory) for name, engine in engines.items()}


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
        return exported
    check_model_folder(folder)
    if choice.backend == "onnxruntime" and choice.precision == "bf16":
        raise InputError(
            "ONNX Runtime cannot compute in precision 'bf16': use 'fp32' or 'fp16', or engine "
            "'torch'"
        )
    precision = choice.precision
    if precision == "auto":
        precision = "fp32" if choice.device.type == "cpu" else "fp16"
    settings = ExportSettings(precision=precision)
    if choice.backend == "onnxruntime" and precision == "fp16":
        # ONNX Runtime has no bf16 convolution, which the VAE would get where fp16 overflows.
        settings = ExportSettings(precision=precision, vae_precision="fp32")
    exporters = library_versions((*_MODULES_FROM, "onnxscript"))
    key = CacheKey(
        kind="export",
        name=folder.name,
        graph=source_digest(folder),
        options={"precision": precision, "vae_precision": settings.vae_precision},
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


def _tensorrt_engines(exported: Exported, choice: EngineChoice, cache: Cache) -> dict[str, Engine]:
    if choice.device.type != "cuda":
        raise InputError(
            f"engine 'tensorrt' runs on CUDA devices, not on {choice.device.type!r}: choose another"
        )
    target, arena = gpu_target(choice.device), ActivationArena(choice.device)
    wanted = plan_profiles(exported, DimensionRange(1, choice.batch_size, choice.batch_size))
    engines: dict[str, Engine] = {}
    for name, graph in exported.graphs.items():
        plan = _fitting(graph.file, wanted[name], built_plans(graph.file, target, cache))
        engines[name] = load_tensorrt(
            graph.file, plan.profile, choice.device, cache, refittable=plan.refittable, arena=arena
        )
    return _with_graphs(engines, choice)


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


def covers(built: Profile, wanted: Profile) -> bool:
    """Whether an engine for the sizes `built` serves all those `wanted`."""
    return all(
        built[name].smallest <= sizes.smallest and sizes.largest <= built[name].largest
        for name, sizes in wanted.items()
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
