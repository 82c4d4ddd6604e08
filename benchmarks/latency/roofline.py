"""The roofline: how fast work could be at most, by its operations and by the bytes that it moves.

Williams, Waterman, Patterson: Roofline, Communications of the ACM 52 (4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["compute", "memory"]


@dataclass(frozen=True)
class Ceilings:
    """What a machine does at most, as measured."""

    flop_per_second: float
    """Of multiplying large matrices, in the precision of the work."""
    bytes_per_second: float
    """Of copying, read and written bytes counted."""


@dataclass(frozen=True)
class Work:
    """What a stage has to do."""

    flop: float
    bytes: float
    """To and from memory."""

    def __add__(self, other: Work) -> Work:
        return Work(self.flop + other.flop, self.bytes + other.bytes)

    def times(self, count: float) -> Work:
        """The same so many times."""
        return Work(self.flop * count, self.bytes * count)


@dataclass(frozen=True)
class Attained:
    """Where work stands under the roof."""

    intensity: float
    """FLOP for each byte."""
    attainable: float
    """FLOP a second: the lower of compute's roof and memory's at this intensity."""
    side: Side
    """Which of the two roofs that is."""
    share: float
    """The time that the roof asks for, of the time taken. Of work with operations: their rate over
    the attainable one."""


def under_roof(work: Work, seconds: float, ceilings: Ceilings) -> Attained:
    """Where `work`, done in `seconds`, stands; it moves at least one byte."""
    computing = work.flop / ceilings.flop_per_second
    moving = work.bytes / ceilings.bytes_per_second
    intensity = work.flop / work.bytes
    return Attained(
        intensity=intensity,
        attainable=min(ceilings.flop_per_second, intensity * ceilings.bytes_per_second),
        side="compute" if computing >= moving else "memory",
        share=max(computing, moving) / seconds,
    )
