"""What engine `auto` stands for on this machine: measured once, and remembered."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from ..engine import (
    Cache,
    CacheKey,
    Engine,
    InputError,
    describe_device,
    instruction_set,
    library_versions,
)
from ..export import (
    EngineChoice,
    ExportProgress,
    ModelEngines,
    is_exported,
    load_engines,
    random_inputs,
    source_digest,
)

_log = logging.getLogger(__name__)

OnProgress = Callable[[ExportProgress], None]

_CANDIDATES = ("torch", "onnxruntime")
_ROUNDS = 3
_MEASURED_BATCH = 32
_RECORD = "choice.json"


def load_fastest(
    folder: Path, choice: EngineChoice, steps: int, cache: Cache, on_progress: OnProgress
) -> ModelEngines:
    """The engines that `auto` stands for, for images of `steps` denoising steps.

    An exported folder runs in ONNX Runtime. A model folder runs in PyTorch on a GPU; on a CPU, in
    whichever of PyTorch and ONNX Runtime a short measurement finds faster.
    """
    backend = "torch"
    if is_exported(folder):
        backend = "onnxruntime"
    elif choice.device.type == "cpu" and all(map(find_spec, ("onnxruntime", "onnx", "onnxscript"))):
        entry = cache.get(
            _key(folder, choice, steps),
            lambda partial: _measure(partial, folder, choice, steps, cache, on_progress),
        )
        backend = json.loads((entry / _RECORD).read_text())["engine"]
    return load_engines(folder, replace(choice, backend=backend), cache, on_progress)


def _key(folder: Path, choice: EngineChoice, steps: int) -> CacheKey:
    return CacheKey(
        kind="choice",
        name=folder.name,
        graph=source_digest(folder),
        options={"precision": choice.precision, "batch": choice.batch_size, "steps": steps},
        library=" ".join(library_versions((*_CANDIDATES, "zeroreal", "diffusers")).values()),
        device=f"{describe_device(choice.device)}, {instruction_set(choice.device)}",
        driver=None,
    )


def _measure(
    partial: Path,
    folder: Path,
    choice: EngineChoice,
    steps: int,
    cache: Cache,
    on_progress: OnProgress,
) -> None:
    """Write which candidate is fastest, and the seconds an image of each."""
    seconds = {}
    for backend in _CANDIDATES:
        try:
            engines = load_engines(folder, replace(choice, backend=backend), cache, on_progress)
        except InputError as error:
            if backend == _CANDIDATES[0]:
                raise  # what PyTorch cannot load, nothing can
            _log.warning("engine auto leaves %s out: %s", backend, error)
            continue
        seconds[backend] = _seconds_per_image(
            engines, min(choice.batch_size, _MEASURED_BATCH), steps
        )
    fastest = min(seconds, key=lambda backend: seconds[backend])
    figures = ", ".join(f"{name} {value * 1e3:.1f} ms" for name, value in seconds.items())
    _log.info("engine auto is %s (an image takes %s)", fastest, figures)
    (partial / _RECORD).write_text(json.dumps({"engine": fastest, "seconds_per_image": seconds}))


def _seconds_per_image(engines: ModelEngines, batch: int, steps: int) -> float:
    """Time of denoising and decoding an image, with guidance; the fastest of a few rounds."""
    sizes = {"batch": batch, "rows": 2 * batch}
    step, decode = (_fastest(engine, sizes) for engine in (engines.denoise, engines.vae_decoder))
    return (steps * step + decode) / batch


def _fastest(engine: Engine, sizes: dict[str, int]) -> float:
    inputs = random_inputs(engine.spec, sizes, seed=0, vocabulary=1)
    inputs = {name: tensor.to(engine.device) for name, tensor in inputs.items()}
    engine(inputs)
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        engine(inputs)
        times.append(time.perf_counter() - began)
    return min(times)
