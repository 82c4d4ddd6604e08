"""Whether the images that were timed are the right ones: against PyTorch, eager, in fp32."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ..harness import ContenderError, Worker
from .job import LatencyJob

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True)
class Likeness:
    """How far images are from those that they should be, of levels from 0 to 255."""

    psnr: float | None
    """Peak signal-to-noise ratio in dB over all images; None where they are the same."""
    lowest_psnr: float | None
    """Of the worst image."""
    mean_differences: tuple[float, ...]
    """Of each image."""
    largest_differences: tuple[int, ...]
    missing: int = 0
    """Images that only one of the two found to be pictures."""


def likeness(images: Pixels, wanted: Pixels, missing: int = 0) -> Likeness:
    """Compare images `[N, H, W, 3]`, at least one, to those of the same samples."""
    apart = np.abs(images.astype(np.int16) - wanted).reshape(len(images), -1).astype(np.float64)
    squares = (apart**2).mean(axis=1)
    return Likeness(
        psnr=_psnr(float(squares.mean())),
        lowest_psnr=_psnr(float(squares.max())),
        mean_differences=tuple(map(float, apart.mean(axis=1))),
        largest_differences=tuple(map(int, apart.max(axis=1))),
        missing=missing,
    )


def reference_of(job: LatencyJob, model: str | None) -> LatencyJob:
    """The same images by PyTorch, eager, in fp32; of another `model` for an export's."""
    settings = replace(
        job.settings,
        engine="torch",
        precision="fp32",
        attention="math",
        cuda_graphs=False,
        tune="off",
        model=model or job.settings.model,
    )
    return replace(job, settings=settings)


class GuardWorker:
    """Generates the images of a job once."""

    def __init__(self, job: LatencyJob, is_exact: bool) -> None:
        if is_exact:
            torch.backends.cudnn.allow_tf32 = False  # the default for convolutions in fp32
        self._job, self._generator = job, job.generator()

    def images(self, count: int) -> dict[int, Pixels]:
        """The first images of the job, by their samples' indices; what is no picture is not."""
        found: dict[int, Pixels] = {}
        for batch in self._generator.generate(self._job.specs(count)):
            pixels = batch.images.cpu().numpy()
            found |= {spec.index: image for spec, image in zip(batch.specs, pixels, strict=True)}
        return found


def compare_images(job: LatencyJob, reference: LatencyJob, count: int) -> Likeness:
    """Compare `count` images of a job, in its batches, to the reference's.

    Raises `ContenderError` where one of them cannot generate, or no picture is both's.
    """
    ours = _images(job, count, is_exact=False)
    size = min(count, job.settings.batch_size or count)
    settings = replace(reference.settings, batch_size=size, vae_batch_size=size)
    wanted = _images(replace(reference, settings=settings), count, is_exact=True)
    both = [index for index in ours if index in wanted]
    if not both:
        raise ContenderError("no image is a picture both by this engine and by the reference")
    return likeness(
        np.stack([ours[index] for index in both]),
        np.stack([wanted[index] for index in both]),
        len(ours.keys() ^ wanted.keys()),
    )


def _images(job: LatencyJob, count: int, is_exact: bool) -> dict[int, Pixels]:
    with Worker(partial(GuardWorker, job, is_exact)) as worker:
        found: dict[int, Pixels] = worker.call("images", count)
        return found


def _psnr(square: float) -> float | None:
    return 10 * math.log10(255**2 / square) if square else None
