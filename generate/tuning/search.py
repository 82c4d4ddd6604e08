"""The search for the fastest engine, settings and batch sizes of a model on a device."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...base import InputError
from ...engine import Cache, engine_statuses
from ...export import is_exported
from ...kernels import ATTENTION_BACKENDS
from .batch_curve import Point
from .bench import Bench, Measured
from .request import Candidate, OnProgress, TuneProgress, TuneRequest

_log = logging.getLogger(__name__)

SECONDS = {"brief": 4.0, "short": 20.0, "full": math.inf}
"""What climbing takes by effort, beside loading, exporting and one call of each graph."""

_BUILT = ("torch:compiled", "tensorrt")
_BATCH_UNGUIDED = 16  # of engines that are built for it, where no other showed which is best


def search(
    folder: Path, request: TuneRequest, cache: Cache, on_progress: OnProgress
) -> tuple[Measured, list[Point]]:
    """The fastest way to generate what is requested, and all that was measured.

    Engines that take any batch climb a curve of batch sizes. Those that are built for one, and
    settings, are measured at the best of these, so that what is built is what will be used.

    Raises `InputError` where what was asked for does not fit into the memory, and where no engine
    can serve.
    """
    return _Search(folder, request, cache, on_progress).run()


class _Search:
    """One search and whom it has refused so far."""

    def __init__(
        self, folder: Path, request: TuneRequest, cache: Cache, on_progress: OnProgress
    ) -> None:
        self._exported, self._request = is_exported(folder), request
        self._on_progress = on_progress
        self._bench = Bench(folder, request, SECONDS[request.effort], cache, on_progress)
        self._refused: list[Exception] = []

    def run(self) -> tuple[Measured, list[Point]]:
        engines = self._engines()
        found = self._climb([engine for engine in engines if engine not in _BUILT])
        guides = found or self._climb([] if self._exported else ["torch"])
        batches = self._batches(guides)
        for settings in (self._attentions, self._graphs):
            if eager := self._eager(found):
                found += self._at_batches(settings(eager), batches)
        eager = self._eager(found)
        for engine in engines:
            if engine in _BUILT:
                plain = self._plain(engine)
                candidate = replace(plain, attention=eager.attention) if eager else plain
                found += self._at_batches([candidate, *self._graphs(candidate)], batches)
        if not found:
            raise self._refused[0]
        return self._fastest(found), self._bench.points

    def _engines(self) -> list[str]:
        """The engines to try: the one that was asked for, or all that may serve."""
        request = self._request
        if request.settings.engine != "auto":
            return [request.settings.engine]
        if request.effort == "brief":
            return ["onnxruntime" if self._exported else "torch"]
        full, on_gpu = request.effort == "full", request.device.type == "cuda"
        wanted = [] if self._exported else ["torch"]
        settings = request.settings
        if self._exported or (settings.attention == "auto" and settings.cuda_graphs is not True):
            wanted += ["onnxruntime"] if full or self._exported or not on_gpu else []
        if full:
            wanted += ["tensorrt"] if self._exported else list(_BUILT)
        statuses = {status.name: status for status in engine_statuses(request.device)}
        usable = []
        for engine in wanted:
            provider = f":{request.device.type}" if engine == "onnxruntime" else ""
            if reasons := statuses[engine + provider].not_supported_reasons:
                error = InputError(f"engine {engine!r} cannot serve: {'; '.join(reasons)}")
                self._leave_out(self._plain(engine), error)
            else:
                usable.append(engine)
        return usable

    def _plain(self, engine: str) -> Candidate:
        """The engine with what was asked for, and otherwise its own settings."""
        return Candidate(
            engine, self._request.settings.attention, self._request.settings.cuda_graphs is True
        )

    def _eager(self, found: Sequence[Measured]) -> Candidate | None:
        """The fastest candidate of PyTorch without compiling."""
        eager = [one for one in found if one.candidate.engine in ("torch", "torch:eager")]
        return self._fastest(eager).candidate if eager else None

    def _attentions(self, candidate: Candidate) -> list[Candidate]:
        request = self._request
        if (request.effort, request.device.type, request.settings.attention) != (
            "full",
            "cuda",
            "auto",
        ):
            return []
        names = [name for name in ATTENTION_BACKENDS if name != "math"]  # the slow reference
        return [replace(candidate, attention=name) for name in names]

    def _graphs(self, candidate: Candidate) -> list[Candidate]:
        if self._request.device.type != "cuda" or self._request.settings.cuda_graphs is not None:
            return []
        return [replace(candidate, cuda_graphs=True)]

    def _climb(self, engines: Sequence[str]) -> list[Measured]:
        """Each engine at its best batch sizes; the time that is left is shared evenly."""
        found = []
        for number, engine in enumerate(engines):
            candidate, share = self._plain(engine), 1 / (len(engines) - number)
            found += self._attempt(candidate, partial(self._bench.climb, candidate, share))
        return found

    def _batches(self, guides: Sequence[Measured]) -> tuple[int, int]:
        """Batch sizes for what is measured at one alone."""
        if guides:
            best = self._fastest(guides)
            return best.batch_size, best.vae_batch_size
        request = self._request
        return (
            request.settings.batch_size or _BATCH_UNGUIDED,
            request.settings.vae_batch_size or _BATCH_UNGUIDED,
        )

    def _at_batches(
        self, candidates: Sequence[Candidate], batches: tuple[int, int]
    ) -> list[Measured]:
        found = []
        for candidate in candidates:
            measure = partial(self._bench.at_batch, candidate, *batches)
            found += self._attempt(candidate, measure)
        return found

    def _attempt(self, candidate: Candidate, measure: Callable[[], Measured]) -> list[Measured]:
        """What is measured; nothing of an engine that cannot serve, unless it has to."""
        try:
            return [measure()]
        except (InputError, RuntimeError) as error:
            # What plain PyTorch cannot load, nothing can.
            if candidate in (self._plain("torch"), self._plain(self._request.settings.engine)):
                raise
            self._leave_out(candidate, error)
            return []

    def _leave_out(self, candidate: Candidate, error: Exception) -> None:
        self._refused.append(error)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        _log.info("tuning leaves %s out: %s", candidate, reason)
        self._on_progress(TuneProgress(str(candidate), note=f"left out: {reason}"))

    def _fastest(self, found: Sequence[Measured]) -> Measured:
        return max(found, key=lambda one: one.images_per_second(self._request.steps))
