"""Our generator as a contender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ...base import InputError
from ...engine import Cache
from ...export import check_model_folder
from ...generate import Generator, SampleSpec
from ...kernels import references_only
from ..harness.ranges import OpenRange, RangedTimeline
from .contender import GeneratorName
from .job import GenerationJob


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
                "generate_size": None if job.generate_size == (side, side) else job.generate_size,
                **name.changes,
            },
        )

    def images(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The images of `specs` in order, uint8 `[N, size, size, 3]` on the device."""
        with self._kernels():
            images, _ = self._generator.images(specs)
        if self._generator.batch_size < self._batch_size:  # halved, and slower than its name says
            raise InputError(f"out of memory: take a smaller batch than {self._batch_size}")
        return images

    def show_ranges(self, open_range: OpenRange) -> None:
        """Let a profiler know stages and steps by their names, from here on."""
        timeline = RangedTimeline(self._generator.device, open_range)
        timeline.start()
        self._generator.seconds.timeline = timeline

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
