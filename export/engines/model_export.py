"""The exported folder that engines are made from: given, or exported into the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...base import InputError, library_versions, unknown
from ...base.device import FP8, PRECISIONS
from ...base.sides import as_sides
from ...engine import (
    Cache,
    CacheKey,
)
from ..graphs.specs import DENOISE, GRAPHS
from ..graphs.trajectories import RecordSteps
from ..model.parts import OWN_UNET, find_parts
from ..onnx.exporter import export_model
from ..onnx.float8 import FORMAT as FLOAT8_FORMAT
from ..onnx.manifest import FORMAT, Exported, is_exported, read_manifest
from ..onnx.settings import ExportProgress, ExportSettings
from .choice import MODULES_FROM, EngineChoice, image_sides


def exported_model(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None],
) -> Exported:
    """The exported folder itself, or the model's export out of the cache."""
    if is_exported(folder):
        exported = read_manifest(folder)
        _check_precision(exported, choice)
        _check_parts(exported, choice)
        return exported
    parts = find_parts(folder, choice.parts)
    size = image_sides(parts.info, choice.generate_size)
    if choice.backend == "onnxruntime" and choice.precision == "bf16":
        raise InputError(
            "ONNX Runtime cannot compute in precision 'bf16': use 'fp32' or 'fp16', or engine "
            "'torch'"
        )
    precision = choice.precision
    if precision == "auto":
        precision = "fp32" if choice.device.type == "cpu" else "fp16"
    settings = ExportSettings(
        precision=precision,
        generate_size=size,
        parts=choice.parts,
        encodes=choice.encodes,
        decodes=choice.decodes,
    )
    if choice.backend == "onnxruntime" and precision == "fp16":
        # ONNX Runtime has no bf16 convolution, which the VAE would get where fp16 overflows.
        settings = replace(settings, vae_precision="fp32")
    exporters = library_versions((*MODULES_FROM, "onnxscript"))
    key = CacheKey(
        kind="export",
        name=folder.name,
        graph=parts.digest,
        options={
            "precision": precision,
            "vae_precision": settings.vae_precision,
            "image_size": as_sides(*size),  # the name when caches were first filled
            "format": FORMAT,
            **({} if settings.graphs == GRAPHS else {"graphs": list(settings.graphs)}),
            **({"float8": FLOAT8_FORMAT} if precision == FP8 else {}),
        },
        library=" ".join(f"{name} {version}" for name, version in exporters.items()),
        device="any",
        driver=None,
    )
    entry = cache.get(
        key,
        lambda partial: _export_into(partial, folder, settings, on_progress, choice.record_steps),
    )
    return read_manifest(entry / "model")


def _export_into(
    partial: Path,
    folder: Path,
    settings: ExportSettings,
    on_progress: Callable[[ExportProgress], None],
    record_steps: RecordSteps | None,
) -> None:
    export_model(folder, partial / "model", settings, on_progress, record_steps)


def _check_precision(exported: Exported, choice: EngineChoice) -> None:
    graph = exported.graphs[DENOISE]
    if choice.backend == "onnxruntime" and graph.fp8 is not None:
        raise InputError(
            f"{str(exported.folder)!r} was exported in fp8, and ONNX Runtime multiplies in fp32 "
            "and fp16: use engine 'tensorrt', or export the model again"
        )
    if choice.precision != "auto" and not graph.is_in(choice.precision):
        if choice.precision not in (*PRECISIONS, FP8):
            raise unknown("precision", choice.precision, ["auto", *PRECISIONS, FP8])
        raise InputError(
            f"precision {choice.precision!r} was asked for, {str(exported.folder)!r} was exported "
            f"in {graph.precision_name}: leave it out, or export the model again"
        )


def _check_parts(exported: Exported, choice: EngineChoice) -> None:
    asked = {"VAE": choice.parts.vae, "LoRA": ", ".join(choice.parts.loras) or None}
    asked["UNet"] = None if choice.parts.unet == OWN_UNET else choice.parts.unet
    asked["variant"] = choice.parts.variant
    asked["textual inversion"] = ", ".join(choice.parts.inversions) or None
    asked["clip skip"] = str(choice.parts.clip_skip or "") or None
    for part, name in asked.items():
        if name is not None:
            raise InputError(
                f"{part} {name!r} was asked for, but the parts of {str(exported.folder)!r} were "
                "chosen when it was exported: leave it out, or export the model again with it"
            )
