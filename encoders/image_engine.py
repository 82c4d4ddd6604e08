"""Running the image encoder of a dual encoder on an engine, as other graphs are."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..base.describe import library_versions
from ..base.digest import file_digest, key_digest
from ..base.errors import InputError
from ..engine import Cache, CacheKey, DimensionRange, Engine, compiled_engine
from ..engine.graph import GraphFile, GraphSpec, TensorSpec
from ..engine.onnxruntime.engine import OnnxRuntimeEngine
from ..export.engines.choice import MODULES_FROM, parse_engine
from ..export.model.model_folder import weight_files
from ..export.onnx.cases import Case
from ..export.onnx.onnx_export import check_installed, write_onnx
from ..export.onnx.verify import InexactGraphError, check, graph_errors
from .image_encoder import ImageEncoder

_PIXELS, _VECTORS = "pixel_values", "vectors"
_GRAPH = "image_encoder"
_FORMAT = 1
_LIBRARIES = (*MODULES_FROM, "open_clip_torch", "onnxscript")


def check_engine(engine: str) -> None:
    """Raise `InputError` for the name of an engine that runs no encoders."""
    backend, _ = parse_engine(engine)
    if backend == "tensorrt":
        raise InputError(
            "engine 'tensorrt' runs no dual encoders: choose torch, torch:compiled or onnxruntime"
        )


def on_engine(
    encoder: ImageEncoder,
    engine: str,
    folder: Path,
    *,
    image_size: int,
    batch_size: int,
    device: torch.device,
    cache: Cache,
) -> ImageEncoder:
    """What does the same as `encoder` by the engine of that name; built and cached the first time.

    The weights of `encoder` go: the engine has its own.

    Args:
        encoder: on the device.
        engine: such as `onnxruntime` or `torch:compiled`; see `check_engine`.
        folder: what the encoder was loaded from.
        image_size: side in pixels of what the network sees.
        batch_size: most images together.
        device: where it runs.
        cache: where the engine is kept.

    Raises `InputError` for an encoder that cannot be exported or compiled, with the reason.
    """
    backend, variant = parse_engine(engine)
    if (backend, variant) in (("torch", None), ("torch", "eager")):
        return encoder
    spec = _spec(encoder, image_size, device)
    digest = _digest(folder)
    made: Engine
    if backend == "torch":
        profile = {"batch": DimensionRange(1, batch_size, batch_size)}
        key = key_digest({"encoder": digest, "libraries": library_versions(_LIBRARIES)})
        made = compiled_engine(lambda: encoder.network, spec, profile, device, key, cache)
    else:
        graph = _exported(encoder.network, spec, digest, folder.name, cache)
        built = cache.root / "onnxruntime" / graph.structure_digest[:32]
        made = OnnxRuntimeEngine(graph, device, provider=variant, cache_folder=built)
    for parameter in encoder.network.parameters():
        parameter.data = torch.empty(0)
    return ImageEncoder(encoder.process, _OnEngine(made))


class _OnEngine(nn.Module):
    """An engine in the network's place."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self._engine({_PIXELS: pixel_values})[_VECTORS]


@torch.inference_mode()
def _spec(encoder: ImageEncoder, image_size: int, device: torch.device) -> GraphSpec:
    """What the network takes and gives; `InputError` unless that is pixels alone."""
    shape = (1, 3, image_size, image_size)
    inputs = encoder.process(torch.zeros(shape, dtype=torch.uint8, device=device))
    if list(inputs) != [_PIXELS] or inputs[_PIXELS].shape != shape:
        raise InputError(
            f"the image encoder takes {', '.join(sorted(inputs))}, not images of one size, which "
            "only engine 'torch' runs: leave the engine out"
        )
    pixels, vectors = inputs[_PIXELS], encoder.network(**inputs)
    return GraphSpec(
        _GRAPH,
        (TensorSpec(_PIXELS, pixels.dtype, ("batch", *shape[1:])),),
        (TensorSpec(_VECTORS, vectors.dtype, ("batch", vectors.shape[1])),),
    )


def _digest(folder: Path) -> str:
    """SHA-256 over weights and configurations."""
    files = (*weight_files(folder), *sorted(folder.glob("*.json")))
    return key_digest({path.name: file_digest(path) for path in files})


def _exported(
    network: nn.Module, spec: GraphSpec, digest: str, name: str, cache: Cache
) -> GraphFile:
    """The graph out of the cache, or exported and checked."""
    key = CacheKey(
        kind="encoder",
        name=name,
        graph=digest,
        options={"spec": repr(spec), "format": _FORMAT},
        library=" ".join(f"{k} {v}" for k, v in library_versions(_LIBRARIES).items()),
        device="any",
        driver=None,
    )

    def graph_in(entry: Path) -> GraphFile:
        return GraphFile(entry / f"{_GRAPH}.onnx", spec, key.digest, digest)

    return graph_in(cache.get(key, lambda partial: _export(network, graph_in(partial))))


def _export(network: nn.Module, graph: GraphFile) -> None:
    """Write the network as a graph, which ONNX Runtime finds to be what PyTorch has in float32."""
    check_installed()
    (pixels,) = graph.spec.inputs
    network.to("cpu", torch.float32)
    cases = [_case(network, graph.spec, count) for count in (1, 3)]
    example = cases[-1].inputs[_PIXELS].to(pixels.dtype)
    try:
        write_onnx(network.to(pixels.dtype), graph.spec, {_PIXELS: example}, graph.path)
        check(graph, graph_errors(graph, cases, pixels.dtype))
    except InputError:
        raise
    except (RuntimeError, InexactGraphError) as error:  # the exporter's are of the first kind
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise InputError(
            f"the image encoder cannot be exported ({reason}): leave the engine out, or choose "
            "torch:compiled"
        ) from error


@torch.inference_mode()
def _case(network: nn.Module, spec: GraphSpec, count: int) -> Case:
    """So many random images, and what the network, in float32, makes of them."""
    (pixels,) = spec.inputs
    random = torch.Generator().manual_seed(count)
    given = torch.randn((count, *map(int, pixels.shape[1:])), generator=random).to(pixels.dtype)
    expected = {_VECTORS: network(**{_PIXELS: given.float()})}
    return Case(f"batch {count}", {_PIXELS: given}, expected, 1.0)
