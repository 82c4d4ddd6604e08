"""Real images in two halves: to train on, class by class, and to test on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...base import InputError
from ...data import LabelledImages, load_real_images
from ...generate.plan.classes import prompt_aliases
from ..finished import FinishedRun
from ..folder import read_config
from ..preparation import real_test_images
from .settings import WorthSettings

_MOST_ALIKE = 0.01  # of the images, that the run's test may have as well
_LEAST_TESTED = 100


@dataclass(frozen=True)
class Halves:
    """Real images: some to train on, the others to test on."""

    source: str
    images: Tensor
    """uint8 `[N, S, S, 3]`"""
    labels: Tensor
    """int64 `[N]`"""
    training: tuple[NDArray[np.int64], ...]
    """Of each class, the numbers of the images to train on."""
    tested: NDArray[np.int64]
    """The numbers of those to test on."""
    digest: str
    """SHA-256 of images and labels."""

    @property
    def most(self) -> int:
        """How many images of each class there are to train on."""
        return min(map(len, self.training))

    def drawn(self, of_class: int, seed: int) -> NDArray[np.int64]:
        """The numbers of so many images of each class; with a seed, more hold the fewer."""
        generator = np.random.default_rng(seed)
        return np.concatenate([generator.permutation(one)[:of_class] for one in self.training])


def real_halves(run: FinishedRun, wanted: WorthSettings) -> Halves:
    """The images of `wanted.data`, half of each class for each purpose.

    Raises `InputError` for images that cannot be read, are those of the run's test, or are too few.
    """
    if wanted.data is None:
        raise InputError(
            "no real images were given: name labelled ones, which must not be those of the run's "
            "test, with --data"
        )
    names, side = run.saved.card.classes, run.description.image_size
    given = load_real_images(wanted.data, names, side, prompt_aliases(run.classes), wanted.reading)
    _check_not_tested_on(run, given)
    labels = given.labels.numpy()
    generator = np.random.default_rng(0)
    halves = [
        np.array_split(generator.permutation(np.flatnonzero(labels == label)), 2)
        for label in range(len(names))
    ]
    found = Halves(
        wanted.data,
        given.images,
        given.labels,
        tuple(training for training, _ in halves),
        np.sort(np.concatenate([tested for _, tested in halves])),
        hashlib.sha256(given.images.numpy().tobytes() + labels.tobytes()).hexdigest(),
    )
    if found.most < wanted.least or len(found.tested) < _LEAST_TESTED:
        raise InputError(
            f"{wanted.data!r} has {len(labels)} images, of which half train, at least "
            f"{found.most} of each class, and {len(found.tested)} tell how well: {wanted.least} "
            f"and {_LEAST_TESTED} are needed; give more, or fewer of each class with --least"
        )
    return found


def _check_not_tested_on(run: FinishedRun, given: LabelledImages) -> None:
    settings, _ = read_config(run.folder)
    tested, _ = real_test_images(
        replace(settings, device="cpu"), run.classes, run.description.image_size
    )
    if tested is None:
        return
    known = set(map(_pixels, tested.images))
    alike = sum(_pixels(image) in known for image in given.images)
    if alike > _MOST_ALIKE * len(given.images):
        raise InputError(
            f"{alike} of the {len(given.images)} images of {given.source!r} are among those that "
            "the run is tested on, which nothing may be chosen by: give others with --data"
        )


def _pixels(image: Tensor) -> bytes:
    return hashlib.sha256(image.numpy().tobytes()).digest()
