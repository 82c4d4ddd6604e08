"""Measuring an engine's batch sizes on a device, within limits of memory and time."""

from __future__ import annotations

import gc
import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...base import InputError
from ...base.memory import MemoryMeter, free_memory, is_out_of_memory
from ...base.sizes import size_text
from ...engine import Cache, CudaGraphEngine, Engine
from ...export import ModelEngines, load_engines, random_inputs
from .batch_curve import LARGEST_BATCH, End, Limits, Point, climb, doubling, knee, quartering
from .request import Candidate, OnProgress, TuneProgress, TuneRequest

_log = logging.getLogger(__name__)

_SHARE_OF_FREE = 0.8
_VAE_TIME, _VAE_MEMORY = 0.25, 0.5  # its shares at most
_ROUNDS, _ROUND_SECONDS, _ALL_SECONDS = 5, 0.02, 1.0  # shorter calls are timed several together


def _measuring_takes(seconds: float) -> float:
    """Seconds at most of measuring a call of so many: two that warm up, and the rounds."""
    return 2 * seconds + min(_ROUNDS * max(seconds, _ROUND_SECONDS), max(seconds, _ALL_SECONDS))


@dataclass(frozen=True)
class Measured:
    """A candidate, its batch sizes, and the seconds that a call with each takes."""

    candidate: Candidate
    batch_size: int
    vae_batch_size: int
    step_seconds: float
    decode_seconds: float
    bytes: int
    """Of memory, the weights among them, with both at work."""

    def images_per_second(self, steps: int) -> float:
        """Images of `steps` steps, denoising and decoding one after the other."""
        step = self.step_seconds / self.batch_size
        return 1 / (steps * step + self.decode_seconds / self.vae_batch_size)


class Bench:
    """Measures candidates one after the other; only one is loaded at a time.

    `seconds` is what climbing may take in all, beside loading engines and one call of each graph.
    """

    def __init__(
        self,
        folder: Path,
        request: TuneRequest,
        seconds: float,
        cache: Cache,
        on_progress: OnProgress,
    ) -> None:
        self.points: list[Point] = []
        """All that were measured and fit."""
        self._folder, self._request, self._cache = folder, request, cache
        self._on_progress = on_progress
        self._meter = MemoryMeter(request.device)
        most = self._meter.in_use() + _SHARE_OF_FREE * free_memory(request.device)
        self._memory = most if request.settings.memory is None else request.settings.memory
        self._seconds_left = seconds
        self._warned = False

    def climb(self, candidate: Candidate, share: float) -> Measured:
        """The candidate at its best batch sizes, or at those that were asked for.

        It takes at most a `share` of the time that is left.

        Raises `InputError` where an image, or a batch that was asked for, does not fit into the
        memory.
        """
        settings = self._request.settings
        sizes = (settings.batch_size or LARGEST_BATCH, settings.vae_batch_size or LARGEST_BATCH)
        try:
            engines, room = self._load(candidate, *sizes)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise self._weights_too_large(candidate) from error
        began, seconds = time.perf_counter(), share * self._seconds_left
        limits = Limits(room * _VAE_MEMORY, began + _VAE_TIME * seconds)
        if settings.vae_batch_size is not None:
            limits = replace(limits, bytes=room)
        assert engines.vae_decoder is not None
        batch = settings.vae_batch_size
        decode = self._curve(candidate, engines, engines.vae_decoder, batch, limits)
        limits = Limits(room - decode.bytes, began + seconds)
        step = self._curve(candidate, engines, engines.denoise, settings.batch_size, limits)
        self._seconds_left = max(0.0, self._seconds_left - (time.perf_counter() - began))
        return self._measured(candidate, step, decode)

    def at_batch(self, candidate: Candidate, batch_size: int, vae_batch_size: int) -> Measured:
        """The candidate at these batch sizes, or at half of them until they fit.

        Raises `InputError` as `climb` does.
        """
        while (measured := self._tried(candidate, batch_size, vae_batch_size)) is None:
            settings = self._request.settings
            half = settings.batch_size or max(1, batch_size // 2)
            vae_half = settings.vae_batch_size or max(1, vae_batch_size // 2)
            if (half, vae_half) == (batch_size, vae_batch_size):
                raise self._too_large(candidate, batch_size)
            self._warn(candidate, half)
            batch_size, vae_batch_size = half, vae_half
        return measured

    def _tried(self, candidate: Candidate, batch_size: int, vae_batch_size: int) -> Measured | None:
        """The candidate at these batch sizes; None where they do not fit."""
        try:
            engines, room = self._load(candidate, batch_size, vae_batch_size)
            assert engines.vae_decoder is not None
            decode, step = (
                self._measure(candidate, engines, engine, batch, math.inf)
                for engine, batch in (
                    (engines.vae_decoder, vae_batch_size),
                    (engines.denoise, batch_size),
                )
            )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None
        if decode.bytes + step.bytes > room:
            return None
        self.points += [decode, step]
        return self._measured(candidate, step, decode)

    def _measured(self, candidate: Candidate, step: Point, decode: Point) -> Measured:
        taken = math.ceil(self._loaded + step.bytes + decode.bytes)
        return Measured(candidate, step.batch, decode.batch, step.seconds, decode.seconds, taken)

    def _load(self, candidate: Candidate, *sizes: int) -> tuple[ModelEngines, float]:
        """The candidate's engines, and the bytes that are left beside them."""
        gc.collect()  # the engines before, which refer to themselves in circles
        if self._request.device.type == "cuda":
            torch.cuda.empty_cache()
        choice = candidate.choice(self._request, *sizes)
        engines = load_engines(self._folder, choice, self._cache, self._on_progress)
        self._loaded = self._meter.in_use()
        if self._loaded >= self._memory:
            raise self._weights_too_large(candidate)
        return engines, self._memory - self._loaded

    def _curve(
        self,
        candidate: Candidate,
        engines: ModelEngines,
        engine: Engine,
        wanted: int | None,
        limits: Limits,
    ) -> Point:
        """The knee of the engine's curve, or the point at the batch that is `wanted`."""
        following = doubling if wanted is None else quartering(wanted)
        curve = climb(
            lambda batch: self._measure(candidate, engines, engine, batch, limits.deadline),
            following,
            limits,
            _measuring_takes,
            until_flat=wanted is None,
        )
        self.points += curve.points
        if not curve.points:
            raise self._too_large(candidate, 1, curve.needed)
        last = curve.points[-1]
        note = f"{engine.spec.name}: no batch above {last.batch}: {curve.end.value}"
        self._on_progress(TuneProgress(str(candidate), note=note))
        if wanted is None:
            if curve.end is End.OUT_OF_MEMORY:
                self._warn(candidate, last.batch)
            return knee(curve.points)
        if last.batch < wanted and curve.end is not End.TIME:
            raise self._too_large(candidate, wanted, curve.needed, last.batch)
        return replace(last, batch=wanted, seconds=last.seconds * wanted / last.batch)

    def _measure(
        self,
        candidate: Candidate,
        engines: ModelEngines,
        engine: Engine,
        batch: int,
        deadline: float,
    ) -> Point:
        """The fastest of a few rounds, or after the deadline of one, after calls that warm up."""
        inputs = self._inputs(engines, engine, batch)
        if candidate.cuda_graphs and engine is engines.denoise:
            engine = CudaGraphEngine(engine)  # as the sampler will, which records all steps in one

        def first_calls() -> float:
            """Seconds of the last: the first may compile and choose, a graph's second records."""
            calls = 3 if candidate.cuda_graphs else 2
            return [self._time(engine, inputs, 1) for _ in range(calls)][-1]

        seconds, peak = self._meter.peak_during(first_calls)
        calls = math.ceil(_ROUND_SECONDS / seconds)
        end = min(deadline, time.perf_counter() + _ALL_SECONDS - seconds)
        for _ in range(_ROUNDS):
            if time.perf_counter() > end:
                break
            seconds = min(seconds, self._time(engine, inputs, calls) / calls)
        taken = max(0, peak - self._loaded)
        point = Point(str(candidate), engine.spec.name, batch, seconds, taken)
        self._on_progress(TuneProgress(str(candidate), point))
        return point

    def _inputs(self, engines: ModelEngines, engine: Engine, batch: int) -> dict[str, Tensor]:
        height, width = (side // engines.info.vae_scale for side in engines.generate_size)
        rows = 2 * batch if self._request.guided else batch
        sizes = {"batch": batch, "rows": rows, "height": height, "width": width}
        inputs = random_inputs(engine.spec, sizes, seed=0, vocabulary=1)
        return {name: tensor.to(engine.device) for name, tensor in inputs.items()}

    def _time(self, engine: Engine, inputs: dict[str, Tensor], calls: int) -> float:
        """Seconds of so many calls, with the device's work done."""
        with self._on_device():
            self._wait()
            began = time.perf_counter()
            for _ in range(calls):
                engine(inputs)
            self._wait()
            return time.perf_counter() - began

    def _on_device(self) -> AbstractContextManager[object]:
        device = self._request.device
        return torch.cuda.device(device) if device.type == "cuda" else nullcontext()

    def _wait(self) -> None:
        if self._request.device.type == "cuda":
            torch.cuda.synchronize(self._request.device)

    def _warn(self, candidate: Candidate, batch: int) -> None:
        """Say once that memory ran out, which a search may do many times."""
        if not self._warned:
            _log.warning("engine %s ran out of memory: tuning goes on with %d", candidate, batch)
        self._warned = True

    def _weights_too_large(self, candidate: Candidate) -> InputError:
        return InputError(
            f"the weights of engine {candidate} do not fit into {size_text(int(self._memory))} of "
            "memory: allow more memory or choose a narrower precision"
        )

    def _too_large(
        self, candidate: Candidate, batch: int, needed: float = 0.0, fits: int = 0
    ) -> InputError:
        takes = f", which takes about {size_text(self._loaded + int(needed))}," if needed else ""
        fitting = f"a batch of {fits} does: choose it, " if fits else ""
        return InputError(
            f"a batch of {batch}{takes} does not fit into {size_text(int(self._memory))} of memory "
            f"with engine {candidate}: {fitting}allow more memory or generate smaller images"
        )
