"""The fastest engine and batch sizes for a model on a device: measured once and remembered."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ...base import describe_device, instruction_set, key_digest, library_versions, unknown
from ...base.device import driver_version
from ...engine import Cache, CacheKey
from ...export import EngineChoice, is_exported, native_side, read_manifest, source_digest
from .batch_curve import Point
from .bench import OnProgress
from .request import Candidate, TuneProgress, TuneRequest
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

    A remembered full search serves where a short one is requested, also if it was held to some
    memory and none is named now. `again` measures in any case, and takes the place of what was
    remembered.

    Raises `InputError` where what was asked for does not fit into the memory, and where no engine
    can serve; nothing is remembered then, nor of a search that was interrupted.
    """
    keys = {
        effort: _key(folder, replace(request, effort=effort)) for effort in ("full", request.effort)
    }
    if not again:
        for effort, key in keys.items():
            entry = cache.find(key)
            if entry is not None and _serves(found := _read(entry), effort == "full", request):
                return found
        if cache.find(keys[request.effort]) is None:
            # Of several processes one measures, and all use what it found.
            return _read(
                cache.get(
                    keys[request.effort],
                    lambda partial: _write(partial, _measure(folder, request, cache, on_progress)),
                )
            )
    tuned = _measure(folder, request, cache, on_progress)
    for effort, key in keys.items():
        entry = cache.find(key)
        if entry is not None and (again or effort == request.effort):
            shutil.rmtree(entry)
    cache.get(keys[request.effort], lambda partial: _write(partial, tuned))
    return tuned


def tuned_choice(
    folder: Path, request: TuneRequest, mode: str, cache: Cache, on_progress: OnProgress
) -> EngineChoice:
    """The engines and batch sizes to use: what `request` fixes, and the rest by `mode`.

    `auto` tunes where engine or batch size are left open; `off` takes defaults, which need no
    measuring.
    """
    if mode not in ("auto", "off"):
        raise unknown("tuning", mode, ("auto", "off"))
    if mode == "auto" and (request.engine == "auto" or request.batch_size is None):
        return tune(folder, request, cache, on_progress).choice(request)
    engine, batch = request.engine, request.batch_size
    if engine == "auto":
        engine = "onnxruntime" if is_exported(folder) else "torch"
    if batch is None:
        pixels = (request.image_size or native_side(folder)) ** 2
        batch = min(_DEFAULT_BATCH, max(1, _DEFAULT_PIXELS // pixels))
    candidate = Candidate(engine, request.attention, request.cuda_graphs is True)
    return candidate.choice(request, batch, request.vae_batch_size or batch)


def _serves(tuned: Tuned, is_full: bool, request: TuneRequest) -> bool:
    """Whether what was found keeps to the memory of `request`, and makes use of it."""
    if tuned.memory_bytes == request.memory_bytes:
        return True
    if request.memory_bytes is None:
        return is_full
    return tuned.memory_bytes is None and tuned.bytes <= request.memory_bytes


def _key(folder: Path, request: TuneRequest) -> CacheKey:
    device = request.device
    choices = {field.name: getattr(request, field.name) for field in fields(request)}
    del choices["device"]  # named by itself
    del choices["memory_bytes"]  # see `_serves`
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
        model = source_digest(folder)
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
        memory_bytes=request.memory_bytes,
        curve=tuple(points),
    )


def _write(folder: Path, tuned: Tuned) -> None:
    (folder / _RECORD).write_text(json.dumps(asdict(tuned), indent=2) + "\n")


def _read(folder: Path) -> Tuned:
    record: dict[str, Any] = json.loads((folder / _RECORD).read_text())
    return Tuned(**{**record, "curve": tuple(Point(**point) for point in record["curve"])})
