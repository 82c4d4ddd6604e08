"""The fastest engine and batch sizes for a model on a device: measured once and remembered."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...base import describe_device, instruction_set, key_digest, library_versions
from ...base.device import driver_version
from ...base.reading import parse_json, read_text
from ...base.settings import values_of
from ...base.sides import both_sides
from ...engine import Cache, CacheKey
from ...export import EngineChoice, is_exported, native_side, read_manifest
from ...export.engines.choice import check_choice
from ...export.model.parts import find_parts
from ..facts import parts_of
from ..settings import GenerateSettings
from ..suited import suited
from .batch_curve import Point
from .request import EFFORTS, Candidate, OnProgress, TuneProgress, TuneRequest
from .search import search

__all__ = ["TuneProgress", "TuneRequest", "Tuned", "tune", "tuned_choice"]

_RECORD = "tuned.json"
_LIBRARIES = (
    "zeroreal",
    "torch",
    "diffusers",
    "transformers",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorrt",
    "tensorrt-rtx",
    "xformers",
)
_WORTH_SECONDS = 120.0
"""Of generating: with less, a short search takes longer than what it finds can save."""
_DEFAULT_BATCH, _DEFAULT_PIXELS = 128, 2**21  # in a batch, the fewer of both


@dataclass(frozen=True)
class Tuned:
    """What tuning found to be fastest."""

    engine: str
    """As `parse_engine` reads it."""
    attention: str
    cuda_graphs: bool
    batch_size: int
    vae_batch_size: int
    images_per_second: float
    """With every step in full, denoising and decoding one after the other."""
    step_seconds: float
    """Of one denoising step of `batch_size` images."""
    decode_seconds: float
    """Of decoding `vae_batch_size` images."""
    bytes: int
    """Of memory, the weights among them, with both at work."""
    memory_bytes: int | None
    """The memory that was allowed; None: most of what was free."""
    curve: tuple[Point, ...]
    """All that was measured and fit into the memory."""

    def choice(self, request: TuneRequest) -> EngineChoice:
        """What loads the engines that were found for `request`."""
        candidate = Candidate(self.engine, self.attention, self.cuda_graphs)
        return candidate.choice(request, self.batch_size, self.vae_batch_size)


def tune(
    folder: Path,
    request: TuneRequest,
    cache: Cache,
    on_progress: OnProgress = lambda progress: None,
    *,
    again: bool = False,
) -> Tuned:
    """The fastest way to generate what is requested, out of `cache` or measured now.

    A remembered search of more effort serves, a full one also if it was held to some memory and
    none is named now. `again` measures in any case, and takes the place of what was remembered.

    Raises `InputError` where what was asked for does not fit into the memory, and where no engine
    can serve; nothing is remembered then, nor of a search that was interrupted.
    """
    request = replace(request, settings=suited(folder, request.settings))
    efforts = EFFORTS[EFFORTS.index(request.effort) :]
    asked, *better = (_key(folder, replace(request, effort=effort)) for effort in efforts)
    for effort, key in [] if again else [*zip(efforts[1:], better, strict=True)][::-1]:
        entry = cache.find(key)
        if entry is not None and _serves(found := _read(entry), effort == "full", request):
            return found
    # Of several processes one measures, and all use what it found.
    entry = cache.get(
        asked,
        lambda partial: _write(partial, _measure(folder, request, cache, on_progress)),
        lambda entry: not again and _serves(_read(entry), request.effort == "full", request),
    )
    for key in better if again else []:
        cache.remove(key)  # which would serve instead
    return _read(entry)


def tuned_choice(
    folder: Path,
    request: TuneRequest,
    cache: Cache,
    on_progress: OnProgress,
    images: int | None = None,
) -> EngineChoice:
    """The engines and batch sizes to use: what `request` fixes, and the rest by `settings.tune`.

    `auto` tunes where engine or batch size are left open, briefly where that serves for `images`,
    if these are known; `off` takes defaults, which need no measuring.
    """
    settings = request.settings
    engine, batch = settings.engine, settings.batch_size
    if engine != "auto":
        named = Candidate(engine, settings.attention, settings.cuda_graphs is True)
        check_choice(named.choice(request, 1, 1))  # measuring takes a while
    if settings.tune == "auto" and (engine == "auto" or batch is None):
        if images is not None:
            brief = tune(folder, replace(request, effort="brief"), cache, on_progress)
            if images < _WORTH_SECONDS * brief.images_per_second:
                return brief.choice(request)
        return tune(folder, request, cache, on_progress).choice(request)
    if engine == "auto":
        engine = "onnxruntime" if is_exported(folder) else "torch"
    if batch is None:
        pixels = math.prod(both_sides(settings.generate_size or native_side(folder)))
        batch = min(_DEFAULT_BATCH, max(1, _DEFAULT_PIXELS // pixels))
    candidate = Candidate(engine, settings.attention, settings.cuda_graphs is True)
    return candidate.choice(request, batch, settings.vae_batch_size or batch)


def _serves(tuned: Tuned, is_full: bool, request: TuneRequest) -> bool:
    """Whether what was found keeps to the memory of `request`, and makes use of it."""
    if tuned.memory_bytes == request.settings.memory:
        return True
    if request.settings.memory is None:
        return is_full
    return tuned.memory_bytes is None and tuned.bytes <= request.settings.memory


def _key(folder: Path, request: TuneRequest) -> CacheKey:
    device, settings = request.device, request.settings
    choices = {
        value.path[0]: getattr(settings, value.path[0])
        for value in values_of(GenerateSettings)
        if value.option.decides_speed
    }
    choices |= {"guided": request.guided, "effort": request.effort}
    choices["deep_cache"] = settings.deep_cache > 1
    for name in ("model", "unet", "vae", "lora"):
        del choices[name]  # named by their content
    del choices["memory"]  # see `_serves`
    if device.type == "cpu":
        del choices["cuda_graphs"]
    if is_exported(folder):
        graphs = read_manifest(folder).graphs
        digests = {
            name: [graph.file.structure_digest, graph.file.weights_digest]
            for name, graph in graphs.items()
        }
        model = key_digest(digests)
    else:
        model = find_parts(folder, parts_of(settings, settings.unet)).digest
    return CacheKey(
        kind="tuning",
        name=folder.name,
        graph=model,
        options=choices,
        library=" ".join(f"{k} {v}" for k, v in library_versions(_LIBRARIES).items()),
        device=f"{describe_device(device)}, {instruction_set(device)}",
        driver=driver_version() if device.type == "cuda" else None,
    )


def _measure(folder: Path, request: TuneRequest, cache: Cache, on_progress: OnProgress) -> Tuned:
    best, points = search(folder, request, cache, on_progress)
    return Tuned(
        engine=best.candidate.engine,
        attention=best.candidate.attention,
        cuda_graphs=best.candidate.cuda_graphs,
        batch_size=best.batch_size,
        vae_batch_size=best.vae_batch_size,
        images_per_second=best.images_per_second(request.steps),
        step_seconds=best.step_seconds,
        decode_seconds=best.decode_seconds,
        bytes=best.bytes,
        memory_bytes=request.settings.memory,
        curve=tuple(points),
    )


def _write(folder: Path, tuned: Tuned) -> None:
    (folder / _RECORD).write_text(json.dumps(asdict(tuned), indent=2) + "\n")


def _read(folder: Path) -> Tuned:
    record: dict[str, Any] = parse_json(
        read_text(folder / _RECORD, "record"), f"record {str(folder / _RECORD)!r}"
    )
    return Tuned(**{**record, "curve": tuple(Point(**point) for point in record["curve"])})
