"""The pool: generated images in slots, from which training draws its batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import InputError
from ...base.fences import Fence, fences_on
from ...base.transfer import to_device
from ..checks import check_images, check_labels, check_whole
from .records import SlotRecords
from .storage import ImageStorage

__all__ = ["ImagePool"]

_COPIED_AT_ONCE = 1024  # images


class ImagePool:
    """Preallocated slots of uint8 images `[S, S, 3]` and int64 labels for one device.

    A slot has one owner at a time. It is free until whoever generates takes it and writes into it;
    published, it belongs to training, until it is evicted and free again. Each passes a slot on
    with a fence: past `ready`, the image is there; past `unread`, nothing reads it any more. All
    may be called from a generating thread while another trains.

    Args:
        capacity: how many images are published at once, at most.
        image_size: S, in pixels.
        device: where the images lie, and where they are given out.
        spare: further slots, for images that are generated while all others are trained on.
        classes: K, where each image has probabilities of K classes as its target, not its label.
        host: how many slots, the last ones, lie in host memory instead.

    Raises `InputError` for a `host` that is not a number of its slots.
    """

    def __init__(
        self,
        capacity: int,
        image_size: int,
        device: torch.device,
        spare: int = 0,
        classes: int | None = None,
        host: int = 0,
    ) -> None:
        for what, value in {"capacity": capacity, "image size": image_size}.items():
            check_whole(value, f"the pool's {what}", 0)
        check_whole(spare, "the pool's spare", 0)
        device = torch.device(device)
        slots = capacity + spare
        if not 0 <= host <= slots:
            raise InputError(f"host is {host}: it must be 0 to {slots}, the pool's slots")
        self.capacity, self.spare, self.host = capacity, spare, host
        self._storage = ImageStorage(slots - host, host, image_size, device)
        self._targets = (
            torch.empty(slots, dtype=torch.int64, device=device)
            if classes is None
            else torch.empty(slots, classes, device=device)
        )
        self._records = SlotRecords(slots)
        self.samples = 0
        """How many samples were trained on."""
        self._free = list(range(slots))[::-1]
        self._fences = fences_on(device)
        self._ready: list[Fence | None] = [None] * slots
        self._unread: list[Fence | None] = [None] * slots
        self._changed = threading.Condition()

    @classmethod
    def of(cls, images: Tensor, labels: Tensor, device: torch.device) -> ImagePool:
        """A full pool of given images, uint8 `[N, S, S, 3]`, and labels, int `[N]`, from 0.

        Raises `InputError` for anything else.
        """
        check_images(images)
        check_labels(labels, len(images))
        pool = cls(len(images), images.shape[1], device)
        pool.add(images, labels.tolist(), range(len(images)))
        return pool

    def __len__(self) -> int:
        """How many images are published."""
        return self._records.published_count

    @property
    def free(self) -> int:
        """How many slots can be taken at once."""
        return len(self._free)

    @property
    def device(self) -> torch.device:
        return self._storage.near.device

    @property
    def image_size(self) -> int:
        return self._storage.near.shape[1]

    @property
    def storage(self) -> Tensor:
        """The slots on the device, uint8 `[slots - host, S, S, 3]`: to be read where published."""
        return self._storage.near

    @property
    def host_storage(self) -> Tensor:
        """The slots in host memory, uint8 `[host, S, S, 3]`."""
        return self._storage.far

    @property
    def target_storage(self) -> Tensor:
        """What all slots show: labels int64 `[slots]`, or probabilities float32 `[slots, K]`."""
        return self._targets

    def slots(self) -> NDArray[np.int64]:
        """The published slots, in the order of their samples, on the host."""
        return self._records.published()

    def labels_of(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The labels in `slots`, on the host."""
        return self._records.labels(slots)

    def written(
        self, most: int | None = None, but: Container[int] = ()
    ) -> tuple[Tensor, Tensor, list[int]]:
        """Images and labels, on the host, and samples of what is written, published or not.

        Of all, or of the first `most`, without the samples in `but`.
        """
        slots = self._records.written(but)[:most]
        self.begin_reading(slots)
        images = torch.empty(len(slots), *self.storage.shape[1:], dtype=torch.uint8)
        for begin in range(0, len(slots), _COPIED_AT_ONCE):  # the device may not have room for all
            part = slice(begin, begin + _COPIED_AT_ONCE)
            rows = to_device(torch.from_numpy(slots[part]), self.device)
            found, rows = self.gather(slots[part], rows)
            images[part] = found[rows]
        return images, torch.from_numpy(self.labels_of(slots)), self._records.samples(slots)

    def samples_written(self) -> list[int]:
        """The samples of what is written, published or not."""
        return self._records.samples(self._records.written())

    def gather(self, slots: NDArray[np.int64], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Images on the device, uint8 `[N, S, S, 3]`, and which of them, int64 `[B]`, `slots` are.

        `rows` are the slots, int64 `[B]`, on the device. No image is copied unless one lies in host
        memory. To be called after `begin_reading`.
        """
        return self._storage.gather(slots, rows)

    def take(self, count: int, is_stopped: Callable[[], bool] = lambda: False) -> list[int]:
        """`count` free slots to write into; waits until there are so many, or until stopped."""
        slots = len(self._records)
        if count > slots:
            raise InputError(
                f"the pool has {slots} slots, {count} are needed at once: make it larger"
            )
        with self._changed:
            while len(self._free) < count:
                if is_stopped():
                    return []
                self._changed.wait(timeout=0.1)
            return [self._free.pop() for _ in range(count)]

    def write(
        self,
        slots: Sequence[int],
        images: Tensor,
        labels: Sequence[int],
        samples: Sequence[int],
        targets: Tensor | None = None,
    ) -> None:
        """Copy images, uint8 `[B, S, S, 3]`, into slots that were taken, on the current stream.

        `targets` are their probabilities `[B, K]`, where the pool holds such.
        """
        self._wait(self._ready, slots)  # which may have been written on another stream, never read
        self._wait(self._unread, slots)
        rows = to_device(torch.tensor(slots), self.device)
        self._storage.store(slots, rows, images.to(self.device))
        if targets is None:
            targets = to_device(torch.tensor(labels), self.device)
        self._targets[rows] = targets
        fence = self._fences.record()
        with self._changed:
            self._records.write(slots, labels, samples)
            for slot in slots:
                self._ready[slot] = fence

    def publish(self, slots: Sequence[int], uses: Sequence[int] | None = None) -> None:
        """Give written slots to training; `uses` is how often each was trained on already."""
        with self._changed:
            if len(self) + len(slots) > self.capacity:
                raise InputError(
                    f"the pool holds {len(self)} of {self.capacity} images, {len(slots)} more do "
                    "not fit: make it larger"
                )
            self._records.publish(slots, uses)

    def add(self, images: Tensor, labels: Sequence[int], samples: Iterable[int]) -> None:
        """Write images, uint8 `[N, S, S, 3]`, and publish them.

        Raises `InputError` for images of another kind or size, for more than there is room for, and
        where labels or samples are not as many.
        """
        check_images(images, self.image_size, "pool")
        samples = list(samples)
        if not len(images) == len(labels) == len(samples):
            raise InputError(
                f"{len(images)} images have {len(labels)} labels and {len(samples)} samples: give "
                "one of each for each"
            )
        check_labels(torch.as_tensor(labels), len(images))
        if len(images) > len(self._free):
            raise InputError(
                f"the pool has {len(self._free)} free slots, {len(images)} are needed: make it "
                "larger"
            )
        slots = self.take(len(images))
        self.write(slots, images, labels, samples)
        self.publish(slots)

    def evict(self, count: int, policy: str) -> None:
        """Free the slots of `count` published images, chosen by `policy`."""
        self.release(self._records.to_evict(count, policy))

    def keep_only(self, samples: Container[int]) -> None:
        """Free the slots of all published images but those of `samples`."""
        slots = self.slots()
        published = zip(slots.tolist(), self._records.samples(slots), strict=True)
        self.release([slot for slot, sample in published if sample not in samples])

    def release(self, slots: list[int]) -> None:
        """Free slots with what was written into them, published or not."""
        with self._changed:
            self._records.empty(slots)
            self._free += slots[::-1]
            self._changed.notify_all()

    def begin_reading(self, slots: NDArray[np.int64]) -> None:
        """What the current stream does from now on comes after the images are in their slots.

        And so does what this thread does with slots in host memory: for those it waits here.
        """
        self._wait(self._ready, slots)
        for fence in _distinct(self._ready, slots[self._storage.is_far(slots)]):
            self._fences.wait_on_host(fence)

    def end_reading(self, slots: NDArray[np.int64]) -> None:
        """What the current stream was given so far is all that reads these slots."""
        fence = self._fences.record()
        for slot in slots:
            self._unread[slot] = fence

    def count_uses(self, slots: NDArray[np.int64]) -> None:
        """Note that the images in `slots` were trained on once more."""
        self._records.count_uses(slots)
        self.samples += len(slots)

    def state_dict(self) -> dict[str, Any]:
        """Which samples are published, how old and how often used they are; not their pixels."""
        return self._records.state_dict()

    def check_state(self, state: Any) -> None:
        """Raise `InputError` unless `state` is the state of a pool, of whatever images."""
        self._records.check_state(state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the published images, which must be the same ones, the ages and uses they had."""
        self._records.load_state_dict(state)

    def _wait(self, fences: list[Fence | None], slots: Iterable[int]) -> None:
        for fence in _distinct(fences, slots):
            self._fences.wait(fence)


def _distinct(fences: list[Fence | None], slots: Iterable[int]) -> Iterable[Fence]:
    """The fences of `slots`, each once."""
    found = (fences[slot] for slot in slots)
    return {id(fence): fence for fence in found if fence is not None}.values()
