"""A generator in a process of its own, whose batches are timed one at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch

from ...base import peak_memory_bytes, resolve_device
from ...base.memory import MemoryMeter
from ...generate import SampleSpec
from ...generate.filters.quality import Quality
from ..harness.ranges import OpenRange, RangedTimeline, nvtx_ranges
from .breakdown import BatchRecord
from .clocks import clocks
from .energy import energy_meter, joules_per_image
from .job import LatencyJob, check_batch

_WARM_UP = 3  # batches: the first allocates, the second is recorded as a CUDA graph
_NOTED = 1000
_KINDS = 8  # different batches, which take turns
_ONE_ATTEMPT = Quality(most_attempts=1)  # what is no picture takes the time of one image
_ALLOCATOR = {
    "peak_allocated_bytes": "allocated_bytes.all.peak",
    "peak_reserved_bytes": "reserved_bytes.all.peak",
    "peak_split_bytes": "inactive_split_bytes.all.peak",
    "allocations": "allocation.all.allocated",
    "retries": "num_alloc_retries",
    "out_of_memory": "num_ooms",
}
"""Of `torch.cuda.memory_stats`."""


@dataclass(frozen=True)
class Loaded:
    """What a generator settled on, as far as figures need it."""

    found: dict[str, Any]
    """What was left open; see `GeneratorFacts.found`."""
    dtype: str
    """Of text encoder and UNet."""
    vae_dtype: str
    generate_size: tuple[int, int]
    """Height and width in pixels at which images are generated."""
    image_size: int
    batch_size: int
    vae_batch_size: int
    rows: tuple[int, ...]
    """Of the UNet for each image, step by step: 2 where guidance acts."""
    texts: tuple[int, ...]
    """How many are encoded for a batch in each call of the encoder, on average over batches."""


class LatencyWorker:
    """Generates the batches of a job, in turn from `_KINDS` of them.

    Args:
        job: what is generated.
        open_range: for stages and steps of batches that are seen; by default NVTX's on a GPU.
    """

    def __init__(self, job: LatencyJob, open_range: OpenRange | None = None) -> None:
        self._meter = MemoryMeter(resolve_device(job.device))
        self._generator = generator = job.generator()
        self._size, self._known = generator.batch_size, job.known_prompts
        self._guided = job.specs(1)[0].guidance > 1
        self._negative = job.settings.negative_prompt
        self._interval = job.settings.guidance_interval
        specs = job.specs(_KINDS * self._size)
        self._batches = [specs[at : at + self._size] for at in range(0, len(specs), self._size)]
        self._next = cycle(self._batches)
        ranges = open_range or nvtx_ranges(generator.device)
        self._timeline = RangedTimeline(generator.device, ranges)

    def loaded(self) -> Loaded:
        """What the generator settled on."""
        facts, engines = self._generator.facts, self._generator.engines
        assert engines.vae_decoder is not None
        return Loaded(
            found=facts.found,
            dtype=_name(facts.dtype),
            vae_dtype=_name(engines.vae_decoder.spec.outputs[0].dtype),
            generate_size=facts.generate_size,
            image_size=facts.image_size,
            batch_size=self._size,
            vae_batch_size=facts.vae_batch_size,
            rows=self._rows(),
            texts=self._texts(),
        )

    def warm_up(self) -> None:
        """Generate until later batches take no other way."""
        for _ in range(_WARM_UP):
            self.batch(True)

    def batch(self, is_seen: bool) -> BatchRecord:
        """Generate one; its stages are noted if it `is_seen`."""
        generator, timeline = self._generator, self._timeline
        if not self._known:
            generator.text.forget()
        specs = next(self._next)
        if generator.device.type == "cuda":
            torch.cuda.synchronize(generator.device)
        generator.seconds.timeline = timeline if is_seen else None
        if is_seen:
            timeline.start()
        began = time.perf_counter()
        for _ in generator.generate(specs, quality=_ONE_ATTEMPT):
            pass
        seconds = time.perf_counter() - began
        intervals = timeline.take() if is_seen else ()
        check_batch(self._size, generator.batch_size)
        return BatchRecord(began, seconds, intervals)

    def noting_seconds(self) -> float:
        """The host's seconds of noting one interval of nothing."""
        self._timeline.start()
        began = time.perf_counter()
        for _ in range(_NOTED):
            with self._timeline.interval("nothing"):
                pass
        return (time.perf_counter() - began) / _NOTED

    def energy(self) -> tuple[tuple[float, ...] | str, str | None]:
        """Joules an image takes, in several windows of time, or why not; and what was read."""
        meter = energy_meter(self._generator.device)
        if isinstance(meter, str):
            return meter, None
        return joules_per_image(meter, lambda: self.batch(False), self._size), meter.source

    def clocks(self) -> dict[str, float]:
        """The device's clocks now, in MHz."""
        return clocks(self._generator.device)

    def memory(self) -> dict[str, int]:
        """The most that the process took, and on a GPU what PyTorch's allocator says of itself."""
        device = self._generator.device
        peak = peak_memory_bytes(device)
        if device.type != "cuda":
            return {"peak_memory_bytes": peak}
        # Of engines with allocators of their own, which keep what they took, the device knows.
        figures = torch.cuda.memory_stats(device)
        return {
            "peak_memory_bytes": max(peak, self._meter.in_use()),
            **{name: int(figures.get(key, 0)) for name, key in _ALLOCATOR.items()},
        }

    def _rows(self) -> tuple[int, ...]:
        generator = self._generator
        doubled = self._guided and generator.engines.info.guided
        return tuple(1 + (doubled and call.guided) for call in generator.calls)

    def _texts(self) -> tuple[int, ...]:
        """Texts of a batch's calls of the text encoder: prompts, and what guidance leads from."""
        if self._known:
            return ()
        calls = [_mean_distinct([[spec.prompt for spec in batch] for batch in self._batches])]
        if self._guided and self._generator.engines.info.guided:
            calls.append(_mean_distinct([self._away(batch) for batch in self._batches]))
        return tuple(calls)

    def _away(self, batch: Sequence[SampleSpec]) -> list[str]:
        if self._negative is not None:
            return [self._negative]
        return [spec.negative_prompt for spec in batch]


def _mean_distinct(texts: Sequence[Sequence[str]]) -> int:
    return round(sum(len(set(one)) for one in texts) / len(texts))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
