"""What the benchmark from class names to accuracy is asked for. Free of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ...base.errors import InputError
from ...base.settings import option

Number = TypeVar("Number", int, float)

CLASSES = 10
"""Of the embedded model."""


def _numbers(kind: Callable[[str], Number], what: str) -> Callable[[str], tuple[Number, ...]]:
    """What reads a comma-separated list."""

    def read(text: str) -> tuple[Number, ...]:
        try:
            return tuple(kind(part) for part in text.split(",") if text.strip())
        except ValueError:
            raise InputError(f"{text!r} is no list of {what}: separate them by commas") from None

    return read


@dataclass(frozen=True)
class E2eSettings:
    """Which contenders make how many images and train on them, and what is read off.

    Raises `InputError` for numbers out of range.
    """

    contenders: tuple[str, ...] = option(
        ("ours", "usual", "informed"), is_argument=True, shown="ours usual informed"
    )
    """ours, usual or informed, with settings after a colon; the first is what others are compared
    to."""
    images: tuple[int, ...] = option((400, 800, 2000), read=_numbers(int, "numbers of images"))
    """Numbers of images, comma-separated: multiples of 10, which is the number of classes."""
    seeds: tuple[int, ...] = option((0, 1, 2), read=_numbers(int, "seeds"))
    """Comma-separated; each is a run of its own of each contender and number of images."""
    levels: tuple[float, ...] = option((0.72, 0.8), read=_numbers(float, "shares"))
    """Accuracies whose time is read off, as shares, comma-separated."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    work: Path = Path("build/e2e")
    """Where finished runs are kept: the same command goes on where it stopped."""

    def __post_init__(self) -> None:
        for name in ("contenders", "images", "seeds"):
            given = getattr(self, name)
            if not given:
                raise InputError(f"no {name} are given: name at least one")
            twice = next((one for one in given if given.count(one) > 1), None)
            if twice is not None:
                raise InputError(f"{name} have {twice!r} twice: name each once")
        for count in self.images:
            if count < 2 * CLASSES or count % CLASSES:
                raise InputError(
                    f"images is {count}: give multiples of {CLASSES}, the number of classes, of at "
                    f"least {2 * CLASSES}"
                )
        for seed in self.seeds:
            if not 0 <= seed < 2**63:
                raise InputError(f"seed {seed} is outside 0..2^63-1: choose one inside")
        for level in self.levels:
            if not 0 < level < 1:
                raise InputError(
                    f"level {level:g} is no accuracy to be reached: give a share between 0 and 1, "
                    "such as 0.8"
                )
