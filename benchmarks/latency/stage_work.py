"""Operations and bytes of each stage of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path

import torch

from ...export import is_exported
from ..generation.flops import ModelFlops, count_flops
from .job import LatencyJob
from .roofline import Work
from .traffic import Traffic, count_traffic
from .worker import Loaded


@dataclass(frozen=True)
class BatchWork:
    """What one batch takes."""

    stages: Mapping[str, Work]
    """By the names of `breakdown.STAGES`; without those that are not known."""
    steps: tuple[Work, ...]
    """Of each denoising step; empty if not known."""
    reasons: tuple[str, ...] = ()
    """Why some are not known."""

    @property
    def flop(self) -> float | None:
        """Of all stages; None where one is not known."""
        return None if self.reasons else sum(work.flop for work in self.stages.values())


def batch_work(job: LatencyJob, loaded: Loaded, folder: Path) -> BatchWork:
    """Count on the shapes of the model in `folder`; an export has none to count on."""
    finishing = {"finish": _finishing(loaded)}
    if is_exported(folder):
        reason = (
            "operations are not counted: an export holds graphs, not the model's shapes: give the "
            "model with --reference"
        )
        return BatchWork(finishing, (), (reason,))
    flops = count_flops(folder, loaded.generate_size)
    found = counted_work(flops, count_traffic(folder, loaded.generate_size), loaded)
    stages, steps, reasons = dict(found.stages) | finishing, found.steps, []
    if job.settings.deep_cache > 1:
        stages.pop("denoise")
        steps, reasons = (), ["operations of steps that reuse deep features are not counted"]
    if job.settings.vae is not None:
        stages.pop("vae")
        reasons.append("operations of another VAE than the model's own are not counted")
    return BatchWork(stages, steps, tuple(reasons))


def counted_work(flops: ModelFlops, traffic: Mapping[str, Traffic], loaded: Loaded) -> BatchWork:
    """The work of the model's three parts for one batch."""
    images, size = loaded.batch_size, _itemsize(loaded.dtype)
    texts, decodes = sum(loaded.texts), ceil(images / loaded.vae_batch_size)
    steps = tuple(
        Work(flops.unet_row * rows * images, traffic["unet_row"].of(1, rows * images, size))
        for rows in loaded.rows
    )
    stages = {
        "denoise": sum(steps, Work(0, 0)),
        "vae": Work(
            flops.vae_decoder * images,
            traffic["vae_decoder"].of(decodes, images, _itemsize(loaded.vae_dtype)),
        ),
    }
    if texts:
        moved = traffic["text"].of(len(loaded.texts), texts, size)
        stages["text"] = Work(flops.text * texts, moved)
    return BatchWork(stages, steps)


def _finishing(loaded: Loaded) -> Work:
    """Decoded pixels are read, finished ones written, and read once more to be judged."""
    read = 3 * prod(loaded.generate_size) * _itemsize(loaded.vae_dtype)
    return Work(0, loaded.batch_size * (read + 2 * 3 * loaded.image_size**2))


def _itemsize(dtype: str) -> int:
    size: int = getattr(torch, dtype).itemsize
    return size
