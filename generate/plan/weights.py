"""Weights that a recipe gives to its domains and attributes, or to the recipes that it merges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

Part = TypeVar("Part")

MOST_WHOLE = 100
"""Of a merged recipe: all its parts come once in a round of so many images of a class at most."""


def check_weights(weights: Mapping[str, float], *lists: Sequence[str], whole: bool = False) -> None:
    """Raise `ValueError` unless these are weights of some names of `lists`.

    One of each list is above 0.
    """
    names = dict.fromkeys(name for one in lists for name in one)
    for name, weight in weights.items():
        if name not in names:
            none = "there are no `domains` or `attributes`"
            known = f"known are {', '.join(names)}" if names else none
            raise ValueError(f"`weights` names {name!r}, which is not there: {known}")
        if not 0 <= weight < math.inf:  # NaN, too
            raise ValueError(
                f"weight {weight:g} of {name!r} is below 0 or not finite: use 0, for never, or more"
            )
        if whole and (weight % 1 or weight > MOST_WHOLE):
            raise ValueError(
                f"weight {weight:g} of {name!r}: recipes take whole numbers, 0 to {MOST_WHOLE}"
            )
    for one in lists:
        if one and not any(weights.get(name, 1) for name in one):
            raise ValueError(f"all `weights` are 0 of the list with {one[0]!r}: leave one above it")


def check_cap(cap: float | None, idle: bool = False) -> None:
    """Raise `ValueError` for a cap on weights that is no number above 0, or is `idle`."""
    if cap is None:
        return
    if not 0 < cap < math.inf:  # NaN, too
        raise ValueError(f"cap {cap:g} is not above 0 or not finite: use a number that is both")
    if idle:
        raise ValueError(f"cap {cap:g} is of `weights`, and there are none: add some or remove it")


def spread(parts: Sequence[Part], weights: Sequence[float]) -> list[Part]:
    """Each part as often as its weight, a whole number, says, spread evenly; 2 and 2 are 1 and 1.

    Parts of equal weights are in their own order.
    """
    counts = [int(weight) for weight in weights]
    divisor = math.gcd(*counts) or 1
    places = [
        ((turn + 0.5) / (count // divisor), number)
        for number, count in enumerate(counts)
        for turn in range(count // divisor)
    ]
    return [parts[number] for _, number in sorted(places)]
