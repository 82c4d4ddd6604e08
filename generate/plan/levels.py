"""The domains and attributes of a template's images, which take turns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from . import philox
from .philox import Stream


class Levels:
    """Which domain with which attribute an image has.

    Of a class's images, each run of as many as there are domains has every domain once, in an order
    of its own; attributes come in every run about equally often, and each round of as many images
    as there are pairs has every pair once.

    Args:
        classes: how many there are.
        seed, part, parts: of the plan, and this leaf's place among its leaves.
    """

    def __init__(
        self,
        domains: Sequence[str],
        attributes: Sequence[str],
        classes: int,
        seed: int,
        part: int,
        parts: int,
    ) -> None:
        self._domains, self._attributes = domains or ("",), attributes or ("",)
        self._classes, self._seed, self._part, self._parts = classes, seed, part, parts

    def pairs(self) -> list[tuple[str, str]]:
        """Every domain with every attribute; the empty text stands for none."""
        return [(domain, one) for domain in self._domains for one in self._attributes]

    def at(self, label: int, rank: int) -> tuple[str, str]:
        """The domain and the attribute of image `rank` of a class."""
        run, position = divmod(rank, len(self._domains))
        order = self._order(label, run * len(self._domains), len(self._domains), Stream.DOMAIN)
        domain = order[position]
        return self._domains[domain], self._attribute(label, run, domain)

    def _attribute(self, label: int, run: int, domain: int) -> str:
        many, turns = len(self._domains), len(self._attributes)
        lap, turn = divmod(run, turns)
        # A domain moves on by `many` attributes from run to run, so that each run goes on where the
        # last one ended. That comes back too early where both have a divisor: then one further.
        ahead = turn // (turns // math.gcd(many, turns))
        order = self._order(label, lap * many * turns, turns, Stream.ATTRIBUTE)
        return self._attributes[order[(domain + turn * many + ahead) % turns]]

    def _order(self, label: int, rank: int, count: int, stream: Stream) -> list[int]:
        """An order of `count` levels for the images from `rank` on, which all agree on it."""
        if count == 1:
            return [0]
        first = (rank * self._parts + self._part) * self._classes + label
        return _shuffled(count, self._seed, first, stream)


@lru_cache(maxsize=2)  # of domains and of attributes: images that follow each other share them
def _shuffled(count: int, seed: int, index: int, stream: Stream) -> list[int]:
    return philox.shuffled(count, seed, index, stream)
