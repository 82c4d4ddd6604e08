"""The search for the best batch, with throughput that is known."""

import pytest

from zeroreal.benchmarks.harness import BatchPoint, search_best_batch

SIZES = (1, 2, 4, 8, 16, 32)


def search(rates):
    """The search's result and the sizes that it tried; `rates` by size."""
    tried = []

    def rate(size):
        tried.append(size)
        if isinstance(rates[size], Exception):
            raise rates[size]
        return rates[size]

    return search_best_batch(SIZES, rate), tried


def test_it_ends_where_a_larger_batch_brings_less_than_three_percent():
    found, tried = search({1: 10.0, 2: 18.0, 4: 20.0, 8: 20.5, 16: 99.0})
    assert tried == [1, 2, 4, 8]
    assert found.best == 8, "the fastest of those tried"
    assert [point.images_per_second for point in found.curve] == [10.0, 18.0, 20.0, 20.5]


def test_a_slower_batch_is_not_taken():
    found, tried = search({1: 10.0, 2: 9.0})
    assert (found.best, tried) == (1, [1, 2])


def test_it_ends_where_memory_does():
    found, _ = search({1: 10.0, 2: 18.0, 4: MemoryError("no room")})
    assert found.best == 2
    assert found.curve[-1] == BatchPoint(4, None, "MemoryError: no room")


def test_it_ends_with_the_largest_size():
    found, tried = search({size: float(size) for size in SIZES})
    assert (found.best, tried) == (32, list(SIZES))


def test_what_fails_at_the_smallest_batch_fails():
    with pytest.raises(RuntimeError, match="no such operator"):
        search({1: RuntimeError("no such operator")})
