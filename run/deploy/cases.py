"""What the files of a run are checked on, and what PyTorch makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...data.decode import decode
from ...export.classifier.distilled import STEPS, distilled_images
from ...export.classifier.gate import Case
from ..finished import FinishedRun, public_name
from ..folder import read_config
from ..preparation import real_test_images
from .images import run_images
from .settings import FEWEST, DeploySettings

_RESIZED = 32  # images of each other size


@dataclass(frozen=True)
class Material:
    """Images to make files with, and others to check them on."""

    calibrating: NDArray[np.uint8]
    """`[N, S, S, 3]`, for the ranges of activations: of the run, or distilled."""
    choosing: Case
    """For choosing among ways to find them."""
    cases: tuple[Case, ...]
    """For the check alone."""

    @property
    def accuracy(self) -> float | None:
        """Of PyTorch's classifier on the real images, where there are any."""
        labelled = [one for one in self.cases if one.labels is not None]
        return (
            float((labelled[0].expected.argmax(1) == labelled[0].labels).mean())
            if labelled
            else None
        )


def material(run: FinishedRun, wanted: DeploySettings, on_progress: OnStage) -> Material:
    """A third of the run's images for each purpose, and for the check also other sizes and real.

    Raises `InputError` for images that cannot be had.
    """
    real = _real(run, wanted)
    images = run_images(run, wanted, on_progress)
    if len(images) < FEWEST:
        raise InputError(
            f"the run in {str(run.folder)!r} has {len(images)} images, and {FEWEST} are needed to "
            "check its files: make a larger run"
        )
    # Shuffled, so that each third has all classes, however they are sorted.
    images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
    third = len(images) // 3
    first, second, held_out = images[:third], images[third : 2 * third], images[2 * third :]
    cases = [_case(run, "synthetic images", held_out)]
    if wanted.size == "any":
        side = run.description.image_size
        for height, width in ((2 * side + 5, 3 * side - 2), (side, side + 7), (side // 2 + 1, 99)):
            cases.append(_resized(run, held_out[:_RESIZED], height, width))
    calibrating = first.numpy()
    if wanted.quantises and wanted.calibration_images == "distilled":
        calibrating = _distilled(run, on_progress)
    return Material(calibrating, _case(run, "images to choose by", second), (*cases, *real))


def _distilled(run: FinishedRun, on_progress: OnStage) -> NDArray[np.uint8]:
    def show(step: int) -> None:
        on_progress(StageProgress("distil", step, STEPS))

    return distilled_images(
        run.saved.model,
        run.description.image_size,
        IMAGENET_DEFAULT_MEAN,
        IMAGENET_DEFAULT_STD,
        show,
    )


def _case(
    run: FinishedRun, name: str, images: Tensor, labels: NDArray[np.int64] | None = None
) -> Case:
    return _expecting(run, images, name, images.contiguous().numpy(), labels)


def _resized(run: FinishedRun, images: Tensor, height: int, width: int) -> Case:
    """Pictures of another size; what is expected is that of files which hold them."""
    name = f"synthetic images of {width} x {height} pixels"
    pictures = [
        Image.fromarray(image.numpy()).resize((width, height), Image.Resampling.BICUBIC)
        for image in images
    ]
    side = run.description.image_size
    read = [torch.from_numpy(decode(one, name, side)[0].copy()) for one in pictures]
    given = np.stack([np.asarray(one) for one in pictures])
    return _expecting(run, torch.stack(read), name, given)


def _expecting(
    run: FinishedRun,
    read: Tensor,
    name: str,
    given: NDArray[np.uint8],
    labels: NDArray[np.int64] | None = None,
) -> Case:
    """Pictures as they are `given` to a file, with what the run makes of them as it has them."""
    expected, rejected = run.predict(read)
    return Case(
        name, given, expected.numpy(), labels, None if rejected is None else rejected.numpy()
    )


def _real(run: FinishedRun, wanted: DeploySettings) -> tuple[Case, ...]:
    """Real images, where there are any."""
    settings, _ = read_config(run.folder)
    settings = replace(settings, data=wanted.data, reading=wanted.reading)
    found, _ = real_test_images(settings, run.classes, run.description.image_size)
    if found is None:
        return ()
    return (
        _case(run, f"real images, {public_name(found.source)}", found.images, found.labels.numpy()),
    )
