"""The images of candidates: generated or read, and kept so that an interrupted audit goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import InputError
from ...base.device import describe_device
from ...base.digest import key_digest
from ...base.files import write_atomically
from ...base.memory import free_memory
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ...base.settings import plain
from ...data.source import load_images
from ...generate import ClassName, DataParallelGenerator, Generator, SamplePlan, SampleSpec
from ...generate.dataset.config.model_digest import model_digest
from ...generate.plan.classes import slug
from ...generate.plan.content import recipe_content
from ..zeroshot.share import balanced_order
from .candidates import Candidate
from .settings import AuditSettings

_WHAT = "images of an audit"
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class CandidateImages:
    """A candidate's images in the order of its plan, whose every prefix is balanced."""

    images: Tensor
    """uint8 `[N, S, S, 3]`, on the CPU."""
    labels: Tensor
    """int64 `[N]`."""
    places: Tensor
    """int64 `[N]`: of the samples in the plan; some may have been left out."""
    seconds: float | None
    """What generating took, without loading; None of a dataset, which was there already."""

    @property
    def per_second(self) -> float | None:
        """Images generated a second."""
        return None if self.seconds is None else len(self.images) / self.seconds


def generated(
    generator: Generator | DataParallelGenerator,
    plan: SamplePlan,
    on_images: Callable[[int, float], None],
) -> CandidateImages:
    """All images of `plan`; `on_images` is told how many there are, and how many a second.

    Raises `InputError` where none is a picture, and where they do not fit into memory.
    """
    images, labels, specs = list[Tensor](), list[Tensor](), list[SampleSpec]()
    began = time.perf_counter()
    for batch in generator.generate(plan):
        if not images:
            _check_room(batch.images[0], len(plan))
        images.append(batch.images.cpu())
        labels.append(batch.labels.cpu())
        specs += batch.specs
        on_images(len(specs), len(specs) / (time.perf_counter() - began))
    seconds = time.perf_counter() - began
    if not images:
        raise InputError("every image was blank, saturated or not finite: try another precision")
    places = torch.tensor([spec.index for spec in specs])
    order = places.argsort()  # batches with guidance come first
    return CandidateImages(
        torch.cat(images)[order], torch.cat(labels)[order], places[order], seconds
    )


def read(source: str, classes: Sequence[ClassName], settings: AuditSettings) -> CandidateImages:
    """As many images of a dataset, or all where there are fewer; see `load_images`."""
    names, side = [item.name for item in classes], settings.generate.image_size
    found = load_images(source, side, names, settings.reading)
    wanted = min(settings.images_per_class * len(classes), len(found.labels))
    order = torch.tensor(balanced_order(found.labels, settings.seed, wanted))
    return CandidateImages(found.images[order], found.labels[order], order, None)


def identity(
    candidate: Candidate, plan: SamplePlan, folder: Path, device: torch.device
) -> dict[str, Any]:
    """All that decides a candidate's images and the time that they take.

    `folder` is the model's; settings of generating are those that suit it.
    """
    return {
        "recipe": recipe_content(plan.recipe),
        "classes": [[item.name, item.prompt] for item in plan.classes],
        "images_per_class": plan.images_per_class,
        "seed": plan.seed,
        "generate": plain(candidate.generate),
        "model": model_digest(folder, candidate.generate),
        "device": describe_device(device),
        "torch": str(torch.__version__),
    }


class KeptImages:
    """The images of finished candidates, in a folder, each file with the digest of what made it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str, made_by: dict[str, Any], plan: SamplePlan) -> CandidateImages | None:
        """What was kept of a candidate's images, of `plan`; None without that.

        Raises `InputError` for a file that is damaged, or holds other tensors than we write.
        """
        path = self._path(name, made_by)
        if not path.is_file():
            return None
        try:
            kept = read_sealed(path)
            if kept.text is None:
                raise DamagedFileError("it has no digest")
            found = CandidateImages(**kept.tensors, seconds=float(kept.text))
            _check_kept(found, plan)
        except (DamagedFileError, ValueError, TypeError) as error:
            raise InputError(f"{_WHAT} {str(path)!r} cannot be read ({error}): remove it") from None
        return found

    def save(self, name: str, made_by: dict[str, Any], found: CandidateImages) -> None:
        """Keep a candidate's images."""
        self._folder.mkdir(parents=True, exist_ok=True)
        tensors = {"images": found.images, "labels": found.labels, "places": found.places}
        content = sealed(
            {key: one.contiguous() for key, one in tensors.items()}, repr(found.seconds)
        )
        write_atomically(self._path(name, made_by), content)

    def _path(self, name: str, made_by: dict[str, Any]) -> Path:
        return self._folder / f"{slug(name)[:60]}-{key_digest(made_by)[:16]}.safetensors"


def _check_kept(found: CandidateImages, plan: SamplePlan) -> None:
    """Raise `DamagedFileError` unless there is a label, and a place in `plan`, for each picture."""
    if found.seconds is None or not 0 < found.seconds < math.inf:
        raise DamagedFileError(f"it says that generating took {found.seconds} seconds")
    shape = found.images.shape
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or 0 in shape:
        raise DamagedFileError(f"the images' shape is {list(shape)}")
    numbers = ((found.labels, len(plan.classes)), (found.places, len(plan)))
    if found.images.dtype != torch.uint8 or any(one.dtype != torch.int64 for one, _ in numbers):
        raise DamagedFileError("a type is not what was written")
    for one, end in numbers:
        if one.shape != shape[:1] or one.min() < 0 or one.max() >= end:
            raise DamagedFileError("labels or places are not those of the images")


def _check_room(image: Tensor, count: int) -> None:
    """Raise `InputError` where so many images do not fit into memory, twice while put in order."""
    size, room = 2 * count * image.numel(), free_memory(_CPU)
    if size > room:
        raise InputError(
            f"{count} images of {image.shape[0]} pixels a side take {size / 1e9:.1f} GB of memory, "
            f"and {room / 1e9:.1f} GB are free: audit fewer (-n), or smaller ones (--image-size)"
        )
