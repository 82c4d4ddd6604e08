"""Counter-based randomness: the same number for the same (seed, index, stream), in any order."""

from __future__ import annotations

from enum import IntEnum

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF


class Stream(IntEnum):
    """What a number is drawn for; streams of the same index are independent."""

    NOISE = 0
    GUIDANCE = 1
    DOMAIN = 2
    ATTEMPT = 3
    PROMPT = 4
    SHARE = 5
    ATTRIBUTE = 6


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10: four uniform 32-bit words.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        left, right = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (right >> 32) ^ c1 ^ k0,
            right & _MASK,
            (left >> 32) ^ c3 ^ k1,
            left & _MASK,
        )
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def words(seed: int, index: int, stream: Stream, draw: int = 0) -> tuple[int, ...]:
    """Four 32-bit words for a sample's `index`; `draw` numbers further draws of the same stream."""
    counter = (index & _MASK, (index >> 32) & _MASK, int(stream), draw)
    return philox4x32(counter, (seed & _MASK, (seed >> 32) & _MASK))


def uniform(seed: int, index: int, stream: Stream) -> float:
    """A real number in [0, 1) with 32 bits."""
    return words(seed, index, stream)[0] / 2**32


def seed63(seed: int, index: int, stream: Stream) -> int:
    """A seed for another generator, 63 bits (what `torch.Generator.manual_seed` takes unsigned)."""
    high, low, *_ = words(seed, index, stream)
    return ((high << 32) | low) & (2**63 - 1)


def shuffled(count: int, seed: int, index: int, stream: Stream) -> list[int]:
    """A permutation of `range(count)`: the order of as many random words."""
    draws = [words(seed, index, stream, draw)[0] for draw in range(count)]
    return sorted(range(count), key=draws.__getitem__)
