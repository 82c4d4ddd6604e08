"""The work of the throughput benchmark: the same images by any contender, in its own process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...base import InputError, peak_memory_bytes, resolve_device, resolve_precision
from ...engine import Cache
from ...export import check_model_folder
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...kernels import references_only
from ...run import RunSettings
from ..harness import timed
from .contender import CHANNELS_LAST, COMPILED, OURS, GeneratorName
from .diffusers_pipeline import DiffusersPipeline

_TIMED_CALLS = 2
_GUIDANCE = {"on": 7.5, "off": 1.0}
GUIDANCE = (*_GUIDANCE, "recipe")


@dataclass(frozen=True)
class GenerationJob:
    """What every contender generates."""

    folder: Path
    generate_size: int
    """Side of the images in pixels, generated at this size."""
    images: int
    steps: int
    scheduler: str | None
    """A `diffusers` class; the folder's own by default."""
    guidance: str
    """`on` (7.5 for all), `off` (1 for all), or `recipe`, which may differ from image to image."""
    recipe: str
    device: str
    cache: Path

    def specs(self) -> list[SampleSpec]:
        """The images, of the embedded model's classes."""
        classes = parse_classes(RunSettings().classes)
        specs = SamplePlan(load_recipe(self.recipe), classes, self.images)[: self.images]
        if self.guidance == "recipe":
            return specs
        return [replace(spec, guidance=_GUIDANCE[self.guidance]) for spec in specs]


class _Pipeline(Protocol):
    def images(self, specs: Sequence[SampleSpec]) -> Tensor: ...
    def step_seconds(self, batch: Sequence[SampleSpec]) -> float | None: ...


class OurGenerator:
    """Our `Generator` as a contender."""

    def __init__(self, job: GenerationJob, name: GeneratorName, batch_size: int) -> None:
        side = check_model_folder(job.folder).image_side
        self._batch_size = batch_size
        self._kernels: Callable[[], AbstractContextManager[None]] = (
            nullcontext if name.fused else references_only
        )
        self._generator = Generator(
            model=job.folder,
            engine=name.engine,
            precision=name.precision,
            attention=name.attention,
            cuda_graphs=name.cuda_graphs,
            device=job.device,
            batch_size=batch_size,
            vae_batch_size=name.vae_batch_size,
            cache=Cache(job.cache),
            **{
                "scheduler": job.scheduler,
                "steps": job.steps,
                "generate_size": None if job.generate_size == side else job.generate_size,
                **name.changes,
            },
        )

    def images(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The images of `specs` in order, uint8 `[N, size, size, 3]` on the device."""
        with self._kernels():
            images, _ = self._generator.images(specs)
        if self._generator.batch_size < self._batch_size:  # halved, and slower than its name says
            raise InputError(f"a batch of {self._batch_size} does not fit into the memory")
        return images

    def step_seconds(self, batch: Sequence[SampleSpec]) -> float | None:
        """Seconds that a step of one batch takes, on average."""
        before = self._denoising()
        self.images(batch)
        return (self._denoising() - before) / len(self._generator.schedule.steps)

    def _denoising(self) -> float:
        """Seconds of denoising so far."""
        if self._generator.device.type == "cuda":
            torch.cuda.synchronize(self._generator.device)
        self._generator.seconds.settle()
        return self._generator.seconds.totals["denoise"]


@dataclass(frozen=True)
class FirstRun:
    """What the first run in a process of its own showed."""

    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    """`[N, size, size, 3]`."""
    load_seconds: float
    step_seconds: float | None
    peak_memory_bytes: int
    """Resident memory of the process on a CPU, that of PyTorch's allocator on a GPU."""
    device_memory_bytes: int | None
    """Taken from the GPU by everything, beyond the context."""


class GenerationWorker:
    """A contender in its process."""

    def __init__(self, job: GenerationJob, name: GeneratorName) -> None:
        self._job, self._name = job, name
        self._device = resolve_device(job.device)
        self._specs = job.specs()
        self._pipeline: _Pipeline | None = None
        self._free_before = self._free()

    def rate(self, batch_size: int) -> float:
        """Images a second in batches of `batch_size`; loads anew for each."""
        pipeline = self._load(batch_size)
        specs = self._specs[:batch_size]
        pipeline.images(specs)
        return batch_size / min(
            timed(lambda: pipeline.images(specs), self._device) for _ in range(_TIMED_CALLS)
        )

    def start(self, batch_size: int) -> FirstRun:
        """Load, and generate all images once, which warms up."""
        began = time.perf_counter()
        pipeline = self._load(batch_size)
        load_seconds = time.perf_counter() - began
        pixels = pipeline.images(self._specs).cpu().numpy()
        if len(pixels) < len(self._specs):
            raise InputError(f"only {len(pixels)} of {len(self._specs)} images are pictures")
        free = self._free()
        return FirstRun(
            pixels=pixels,
            load_seconds=load_seconds,
            step_seconds=pipeline.step_seconds(self._one_batch(batch_size)),
            peak_memory_bytes=peak_memory_bytes(self._device),
            device_memory_bytes=None if free is None else (self._free_before or 0) - free,
        )

    def seconds(self) -> float:
        """Seconds of generating all images once more."""
        assert self._pipeline is not None, "start it first"
        pipeline = self._pipeline
        return timed(lambda: pipeline.images(self._specs), self._device)

    def _one_batch(self, size: int) -> list[SampleSpec]:
        """Images that any contender generates in one batch: all have the first one's guidance."""
        guidance = self._specs[0].guidance
        return [replace(spec, guidance=guidance) for spec in self._specs[:size]]

    def _load(self, batch_size: int) -> _Pipeline:
        self._pipeline = None
        gc.collect()
        torch.compiler.reset()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._pipeline = self._make(batch_size)
        return self._pipeline

    def _make(self, batch_size: int) -> _Pipeline:
        job, name = self._job, self._name
        if name.program == OURS:
            return OurGenerator(job, name, batch_size)
        return DiffusersPipeline(
            job.folder,
            dtype=resolve_precision(name.precision, self._device),
            device=self._device,
            scheduler=job.scheduler,
            steps=job.steps,
            generate_size=job.generate_size,
            batch_size=batch_size,
            channels_last=name.program in (CHANNELS_LAST, COMPILED),
            compiled=name.program == COMPILED,
        )

    def _free(self) -> int | None:
        """Free memory of the GPU; the context is made before it is asked."""
        if self._device.type != "cuda":
            return None
        torch.zeros(1, device=self._device)
        return int(torch.cuda.mem_get_info(self._device)[0])
