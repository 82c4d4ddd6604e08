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
        domains: of all classes.
        attributes: of each class, in label order.
        seed, part, parts: of the plan, and this leaf's place among its leaves.
    """

    def __init__(
        self,
        domains: Sequence[str],
        attributes: Sequence[Sequence[str]],
        seed: int,
        part: int,
        parts: int,
    ) -> None:
        self._domains = domains or ("",)
        self._attributes = [own or ("",) for own in attributes]
        self._seed, self._part, self._parts = seed, part, parts

    def pairs(self, label: int) -> list[tuple[str, str]]:
        """Every domain with every attribute of a class; the empty text stands for none."""
        return [(domain, one) for domain in self._domains for one in self._attributes[label]]

    def at(self, label: int, rank: int) -> tuple[str, str]:
        """The domain and the attribute of image `rank` of a class."""
        run, position = divmod(rank, len(self._domains))
        order = self._order(label, run * len(self._domains), len(self._domains), Stream.DOMAIN)
        domain = order[position]
        return self._domains[domain], self._attribute(label, run, domain)

    def _attribute(self, label: int, run: int, domain: int) -> str:
        own = self._attributes[label]
        many, turns = len(self._domains), len(own)
        lap, turn = divmod(run, turns)
        # A domain moves on by `many` attributes from run to run, so that each run goes on where the
        # last one ended. That comes back too early where both have a divisor: then one further.
        ahead = turn // (turns // math.gcd(many, turns))
        order = self._order(label, lap * many * turns, turns, Stream.ATTRIBUTE)
        return own[order[(domain + turn * many + ahead) % turns]]

    def _order(self, label: int, rank: int, count: int, stream: Stream) -> list[int]:
        """An order of `count` levels for the images from `rank` on, which all agree on it."""
        if count == 1:
            return [0]
        first = (rank * self._parts + self._part) * len(self._attributes) + label
        return _shuffled(count, self._seed, first, stream)


@lru_cache(maxsize=2)  # of domains and of attributes: images that follow each other share them
def _shuffled(count: int, seed: int, index: int, stream: Stream) -> list[int]:
    return philox.shuffled(count, seed, index, stream)
