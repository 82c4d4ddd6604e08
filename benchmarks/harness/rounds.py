"""Contenders taking turns: what disturbs the machine for a while disturbs all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .worker import reason_of


@dataclass(frozen=True)
class Contender:
    """One way to do the work that is compared."""

    name: str
    measure: Callable[[], float]
    """Does the work of one round, warmed up before, and gives the seconds that it took."""


@dataclass
class Measurement:
    """What was measured of one contender."""

    name: str
    seconds: list[float] = field(default_factory=list)
    """One figure a round, from the first on."""
    reason: str | None = None
    """Why it could not go on."""


@dataclass(frozen=True)
class Rounds:
    """What was measured of all contenders so far, in the order in which they were given."""

    measurements: tuple[Measurement, ...]
    done: int
    """Rounds that every contender that can serve has finished."""
    wanted: int


def run_rounds(
    contenders: Sequence[Contender],
    rounds: int,
    on_round: Callable[[Rounds], None] = lambda rounds: None,
) -> Rounds:
    """Measure `contenders` in `rounds` rounds, each begun by the next of them.

    One that fails is left out from then on, its reason kept. Ctrl-C ends the measurement with the
    rounds that are finished. `on_round` is told after each.
    """
    measurements = {contender.name: Measurement(contender.name) for contender in contenders}

    def so_far(done: int) -> Rounds:
        return Rounds(tuple(measurements.values()), done, rounds)

    for number in range(rounds):
        first = number % max(len(contenders), 1)
        try:
            taken = _one_round([*contenders[first:], *contenders[:first]], measurements)
        except KeyboardInterrupt:
            return so_far(number)
        for name, seconds in taken.items():
            measurements[name].seconds.append(seconds)
        on_round(so_far(number + 1))
    return so_far(rounds)


def _one_round(
    contenders: Sequence[Contender], measurements: dict[str, Measurement]
) -> dict[str, float]:
    """The seconds of each contender; of one that fails, the reason goes to its measurement."""
    taken = {}
    for contender in contenders:
        if measurements[contender.name].reason is not None:
            continue
        try:
            taken[contender.name] = contender.measure()
        except Exception as error:  # a peer may fail in any way
            measurements[contender.name].reason = reason_of(error)
    return taken
