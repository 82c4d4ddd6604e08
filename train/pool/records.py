"""What is in each slot of a pool: sample, label, age and uses, on the host.

So that what to do next is known without asking the device.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import InputError
from ..states import check_state

_EMPTY = -1


class SlotRecords:
    """Records of so many slots, which are empty at first."""

    def __init__(self, slots: int) -> None:
        self._sample = np.full(slots, _EMPTY)
        self._label = np.zeros(slots, np.int64)
        self._age = np.zeros(slots, np.int64)  # of which publication
        self._uses = np.zeros(slots, np.int64)
        self._live = np.zeros(slots, bool)
        self._publications = 0

    def __len__(self) -> int:
        """How many slots there are."""
        return len(self._live)

    @property
    def published_count(self) -> int:
        """How many are published."""
        return int(self._live.sum())

    def published(self) -> NDArray[np.int64]:
        """The published slots, in the order of their samples."""
        return self._in_order(self._live)

    def written(self, but: Container[int] = ()) -> NDArray[np.int64]:
        """The slots with an image, published or not, in the order of their samples.

        Without those of the samples in `but`.
        """
        slots = self._in_order(self._sample != _EMPTY)
        return slots[[sample not in but for sample in self.samples(slots)]] if but else slots

    def labels(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The labels in `slots`."""
        return self._label[slots]

    def samples(self, slots: NDArray[np.int64]) -> list[int]:
        """The samples in `slots`."""
        samples: list[int] = self._sample[slots].tolist()
        return samples

    def write(self, slots: Sequence[int], labels: Sequence[int], samples: Sequence[int]) -> None:
        """Note what was written into slots."""
        for slot, label, sample in zip(slots, labels, samples, strict=True):
            self._label[slot], self._sample[slot] = label, sample

    def publish(self, slots: Sequence[int], uses: Sequence[int] | None) -> None:
        """Note that slots belong to training, and how often each was trained on already."""
        self._live[list(slots)] = True
        self._uses[list(slots)] = 0 if uses is None else uses
        self._age[list(slots)] = self._publications
        self._publications += 1

    def empty(self, slots: list[int]) -> None:
        """Forget what is in slots."""
        self._live[slots] = False
        self._sample[slots] = _EMPTY

    def count_uses(self, slots: NDArray[np.int64]) -> None:
        """Note that each of `slots` was trained on once more."""
        np.add.at(self._uses, slots, 1)

    def to_evict(self, count: int, policy: str) -> list[int]:
        """The `count` published slots that `policy` lets make room."""
        slots = self.published()
        keys = [self._sample[slots], self._age[slots]]  # the last one counts first
        if policy == "most-replayed":
            keys.append(-self._uses[slots])
        chosen: list[int] = slots[np.lexsort(keys)[:count]].tolist()
        return chosen

    def state_dict(self) -> dict[str, Any]:
        """Which samples are published, how old and how often used they are."""
        slots = self.published()
        return {
            "samples": self._sample[slots].tolist(),
            "ages": self._age[slots].tolist(),
            "uses": self._uses[slots].tolist(),
            "publications": self._publications,
        }

    def check_state(self, state: Any) -> None:
        """Raise `InputError` unless `state` is the state of a pool, of whatever images."""
        what = "the pool's state"
        check_state(state, self.state_dict(), what)
        samples, ages, uses = (len(state[name]) for name in ("samples", "ages", "uses"))
        if not samples == ages == uses:
            raise InputError(
                f"{what} has {samples} samples, {ages} ages and {uses} uses: it is damaged, start "
                "anew"
            )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the published images, which must be the same ones, the ages and uses they had."""
        self.check_state(state)
        slots = self.published()
        if self.samples(slots) != state["samples"]:
            raise InputError(
                f"the pool holds {len(slots)} other images than the {len(state['samples'])} of the "
                "state: fill it with those first"
            )
        self._age[slots], self._uses[slots] = state["ages"], state["uses"]
        self._publications = state["publications"]

    def _in_order(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        slots = np.flatnonzero(chosen)
        return slots[self._sample[slots].argsort(kind="stable")]
