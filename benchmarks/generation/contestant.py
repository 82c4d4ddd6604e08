"""The work of the throughput benchmark: the same images by any contender, in its own process."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from ...base import InputError, peak_memory_bytes, resolve_device, resolve_precision
from ...export import check_model_folder
from ...generate import SampleSpec
from ..harness import timed
from .contender import (
    CHANNELS_LAST,
    COMPILED,
    OPTIMUM_ONNXRUNTIME,
    OPTIMUM_OPENVINO,
    OURS,
    GeneratorName,
)
from .diffusers_pipeline import DiffusersPipeline, load_diffusers, take_scheduler
from .entrant import FirstRun
from .job import GenerationJob
from .optimum_pipelines import load_onnxruntime, load_openvino
from .our_generator import OurGenerator

_TIMED_CALLS = 2
_WARM_UP_CALLS = 2
"""The first compiles and picks algorithms, the second records CUDA graphs; neither counts."""


class _Pipeline(Protocol):
    def images(self, specs: Sequence[SampleSpec]) -> Tensor: ...
    def step_seconds(self, batch: Sequence[SampleSpec]) -> float | None: ...


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
        _warm_up(pipeline, specs)
        return batch_size / min(
            timed(lambda: pipeline.images(specs), self._device) for _ in range(_TIMED_CALLS)
        )

    def start(self, batch_size: int) -> FirstRun:
        """Load, and generate all images as often as warms up."""
        began = time.perf_counter()
        pipeline = self._load(batch_size)
        load_seconds = time.perf_counter() - began
        pixels = pipeline.images(self._specs).cpu().numpy()
        if len(pixels) < len(self._specs):
            raise InputError(f"only {len(pixels)} of {len(self._specs)} images are pictures")
        _warm_up(pipeline, self._specs, _WARM_UP_CALLS - 1)
        step_seconds = self._step_seconds(pipeline, batch_size)
        free = self._free()
        return FirstRun(
            pixels=pixels,
            load_seconds=load_seconds,
            step_seconds=step_seconds,
            peak_memory_bytes=peak_memory_bytes(self._device),
            device_memory_bytes=None if free is None else (self._free_before or 0) - free,
        )

    def seconds(self) -> float:
        """Seconds of generating all images once more."""
        assert self._pipeline is not None, "start it first"
        pipeline = self._pipeline
        return timed(lambda: pipeline.images(self._specs), self._device)

    def _step_seconds(self, pipeline: _Pipeline, batch_size: int) -> float | None:
        """Of images that any contender generates in one batch: all have the first's guidance."""
        specs = self._specs[:batch_size]
        batch = [replace(spec, guidance=specs[0].guidance) for spec in specs]
        if batch != specs:
            _warm_up(pipeline, batch)  # a batch of other shapes than before
        return pipeline.step_seconds(batch)

    def _load(self, batch_size: int) -> _Pipeline:
        self._pipeline = None
        gc.collect()
        torch.compiler.reset()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._pipeline = self._make(batch_size)
        return self._pipeline

    def _make(self, batch_size: int) -> _Pipeline:
        if self._name.program == OURS:
            return OurGenerator(self._job, self._name, batch_size)
        return _peer(self._job, self._name, self._device, batch_size)

    def _free(self) -> int | None:
        """Free memory of the GPU; the context is made before it is asked."""
        if self._device.type != "cuda":
            return None
        torch.zeros(1, device=self._device)
        return int(torch.cuda.mem_get_info(self._device)[0])


def _peer(
    job: GenerationJob, name: GeneratorName, device: torch.device, batch_size: int
) -> DiffusersPipeline:
    """A pipeline of `diffusers`, or of `optimum`, with the job's scheduler."""
    info, dtype = check_model_folder(job.folder), resolve_precision(name.precision, device)
    if name.program == OPTIMUM_OPENVINO:
        is_guided = info.guided and job.guidance == "on"
        shape = (batch_size, *job.generate_size) if is_guided else None
        pipeline = load_openvino(job.folder, dtype, device, shape=shape)
        dtype = torch.float32  # its inputs; it computes in the other one
    elif name.program == OPTIMUM_ONNXRUNTIME:
        pipeline = load_onnxruntime(job.folder, dtype, device)
    else:
        channels_last, compiled = name.program == CHANNELS_LAST, name.program == COMPILED
        pipeline = load_diffusers(
            job.folder, dtype, device, channels_last=channels_last, compiled=compiled
        )
    if job.scheduler is not None:
        take_scheduler(pipeline, job.scheduler)
    return DiffusersPipeline(
        pipeline,
        info,
        dtype=dtype,
        device=device,
        steps=job.steps,
        generate_size=job.generate_size,
        batch_size=batch_size,
    )


def _warm_up(pipeline: _Pipeline, specs: Sequence[SampleSpec], calls: int = _WARM_UP_CALLS) -> None:
    for _ in range(calls):
        pipeline.images(specs)
