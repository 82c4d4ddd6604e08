"""A dataset's labelled images, with the interface of a generator."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any

import numpy as np
import torch

from ...assets.embedded import EMBEDDED_CLASSES
from ...base import InputError
from ...base.transfer import to_device
from ...data.matching import labels_in
from ...data.settings import ReadSettings
from ...data.source import first_side
from ...generate import ClassName, ImageBatch, SampleSpec, parse_classes
from ...generate.image_batch import labels_of
from ...generate.plan.classes import prompt_aliases
from .files import Pictures
from .order import StoredPlan, interleaved, is_mixed

_log = logging.getLogger(__name__)

_AT_ONCE = 256  # images decoded together
_AS_STORED = ReadSettings()


@dataclass(frozen=True)
class ReadingSeconds:
    """How long reading took, as a generator says how long its stages took."""

    totals: dict[str, float] = field(default_factory=lambda: {"read": 0.0})


class StoredImages:
    """The images of a dataset: labels are read at once, images some hundreds at a time.

    Args:
        source: what `load_images` reads.
        device: where the images are handed over.
        image_size: side in pixels that they are brought to; None: the shorter side of the first.
        classes: the classifier's; None: those of the dataset.
        reading: what to do about images that cannot be read; samples left out are `rejected`.

    Raises `InputError` for what cannot be read, images of fewer than two classes, and images of a
    class that is not in `classes`.
    """

    def __init__(
        self,
        source: str,
        device: torch.device,
        image_size: int | None = None,
        classes: Sequence[ClassName] | None = None,
        reading: ReadSettings = _AS_STORED,
    ) -> None:
        self.source, self.device = source, device
        self._pictures = Pictures(source, reading)
        found = self._pictures.found
        used = np.unique(found.labels)
        if len(used) < 2:
            only = "".join(f" of the class {found.names[i]!r}" for i in used)
            raise InputError(
                f"dataset {source!r} holds {len(found.labels)} images{only}: images of at least 2 "
                "classes are needed"
            )
        self.classes = tuple(_classes_named(found.names) if classes is None else classes)
        names = None if classes is None else [item.name for item in classes]
        self._labels = labels_in(
            found, names, prompt_aliases(self.classes), source, reading.label_order
        )
        self._order = np.arange(len(self._labels))
        if image_size is None:
            in_order = self._pictures.take(range(len(self._labels)))
            image_size, _ = first_side(in_order, source, reading)
        self.image_size = image_size
        self.rejected: tuple[SampleSpec, ...] = ()
        self.seconds = ReadingSeconds()
        self._has_warned = False

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def plan(self) -> StoredPlan:
        """All images, in the order in which they are read."""
        return StoredPlan(self._labels[self._order])

    @property
    def identity(self) -> dict[str, Any]:
        """What tells whether the dataset is still the same, without reading its images.

        That is their number, their labels, and the names and sizes of their files.
        """
        labels, files = hashlib.sha256(), hashlib.sha256()
        labels.update("".join(f"{item.name}\n" for item in self.classes).encode())
        labels.update(self._labels.astype("<i8").tobytes())
        for name, size in self._pictures.files():
            files.update(f"{name}\n{size}\n".encode(errors="surrogateescape"))
        return {
            "images": len(self),
            "labels": f"sha256:{labels.hexdigest()}",
            "files": f"sha256:{files.hexdigest()}",
        }

    def mix(self, block: int) -> bool:
        """Have about all classes in every `block` of images, if only by reading them in turn.

        False where the images are sorted by class and can only be read as they are stored.
        """
        if is_mixed(self._labels, block):
            return True
        if self._pictures.in_any_order:
            self._order = interleaved(self._labels)
        return self._pictures.in_any_order

    def generate(
        self, specs: Iterable[SampleSpec], done: Container[int] = ()
    ) -> Iterator[ImageBatch]:
        """Yield the images of `specs` but of those whose index is in `done`, in order."""
        rest = iter(specs)
        while batch := list(islice(rest, _AT_ONCE)):
            wanted = [spec for spec in batch if spec.index not in done]
            if wanted and (found := self._read(wanted)) is not None:
                yield found

    def _read(self, specs: Sequence[SampleSpec]) -> ImageBatch | None:
        """The images that can be read; None where there is none."""
        began = time.perf_counter()
        numbers = self._order[[spec.index for spec in specs]].tolist()
        found = self._pictures.read(numbers, self.image_size)
        on_device = to_device(found.images, self.device)
        self.seconds.totals["read"] += time.perf_counter() - began
        if found.resized and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "images of %s that are not %d pixels a side are resized",
                self.source,
                self.image_size,
            )
        if found.unreadable:
            listed = "; ".join(found.unreadable)
            _log.warning("left out %d images of %s: %s", len(found.unreadable), self.source, listed)
        kept = tuple(compress(specs, found.kept))
        self.rejected += tuple(compress(specs, ~found.kept))
        return ImageBatch(kept, on_device, labels_of(kept, self.device)) if kept else None


def _classes_named(names: Sequence[str]) -> list[ClassName]:
    """Classes of these names; the embedded model's garments have their prompts, too."""
    known = {item.name: item for item in parse_classes(EMBEDDED_CLASSES)}
    return [known.get(name) or ClassName(name, name.replace("_", " ")) for name in names]
