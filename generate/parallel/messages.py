"""What a `DataParallelGenerator` and the processes of its devices say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...engine import Cache
from ..facts import GeneratorFacts
from ..plan.samples import SampleSpec
from ..settings import GenerateSettings


@dataclass(frozen=True)
class Start:
    """To the process, first: what to make its generator from."""

    settings: GenerateSettings
    guided: bool
    images: int | None
    """Of this process; None where it is not known."""
    cache: Cache | None


@dataclass(frozen=True)
class Share:
    """To the process: the next samples of its share of a call; none at the end of the share."""

    specs: tuple[SampleSpec, ...]
    done: frozenset[int] = frozenset()
    """Indices of those that are left out."""


@dataclass(frozen=True)
class Release:
    """To the process: a slot whose images have been taken."""

    slot: int


@dataclass(frozen=True)
class Stop:
    """To the process: whatever it still makes in this call, counted from 1, is not wanted."""

    call: int


@dataclass(frozen=True)
class Checked:
    """To the process: all prompts have been checked, and what is too long for the model is said."""


@dataclass(frozen=True)
class Ready:
    """From the process: its generator is made."""

    facts: GeneratorFacts
    slots: Tensor
    """Where finished images are put, uint8 `[slots, batch, size, size, 3]` in shared memory."""


@dataclass(frozen=True)
class Wanted:
    """From the process: it took up a part of its share and has room for another."""


@dataclass(frozen=True)
class Account:
    """What a call's samples came to since the last account, by their numbers in the share."""

    finished: tuple[int, ...]
    rejected: tuple[int, ...]
    rejections: tuple[tuple[str, ...], ...]
    """Of each that is rejected, the reason of every attempt."""
    seconds: dict[str, float]
    """What each stage took."""


@dataclass(frozen=True)
class Filled:
    """From the process: the finished images are in a slot, in order."""

    slot: int
    rejections: tuple[tuple[str, ...], ...]
    """Of each image; see `ImageBatch`."""
    seeds: tuple[int, ...]
    account: Account


@dataclass(frozen=True)
class Done:
    """From the process: the call is over."""

    account: Account


@dataclass(frozen=True)
class Failed:
    """From the process, last: why it cannot go on."""

    reason: str
    traceback: str | None
    """None for an `InputError`."""
