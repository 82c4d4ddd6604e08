"""Which images a feed replaces by the next block's."""

import pytest

from zeroreal.base import InputError
from zeroreal.train import Loader


@pytest.fixture
def windows(published):
    """A function that gives what is published after each advance of a feed."""

    def run(feed):
        found = []
        while feed.advance():
            found.append(published(feed))
        return found

    return run


def test_a_pool_that_keeps_stops_generating_when_it_is_full(fed, numbered, windows):
    source = numbered()
    found = windows(fed(source, policy="keep", spare=0, capacity=10))
    assert found == [[*range(4)], [*range(8)], [*range(10)]]
    assert source.generated == [*range(10)]


def test_the_oldest_make_room(fed, windows):
    expected = [[*range(4)], *([*range(begin, begin + 8)] for begin in (0, 4, 8, 12))]
    assert windows(fed()) == expected


def test_the_most_replayed_make_room(fed, published):
    feed = fed(policy="most-replayed")
    feed.advance()
    feed.advance()
    feed.pool.count_uses(feed.pool.slots()[[1, 3, 4, 6]])
    feed.advance()
    assert published(feed) == [0, 2, 5, 7, 8, 9, 10, 11]


def test_images_that_the_source_leaves_out_are_missing_from_their_block(fed, numbered, windows):
    found = windows(fed(numbered(blank={1, 2, 9})))
    assert found[0] == [0, 3]
    assert found[2] == [3, 4, 5, 6, 7, 8, 10, 11]  # only as many go as come


def test_of_all_images_some_can_be_kept_alone(fed, published, numbered):
    feed = fed(numbered(blank={3}), policy="keep", spare=0, capacity=20)
    feed.fill()
    feed.keep_only({2, 3, 11, 17})
    assert published(feed) == [2, 11, 17]
    assert (feed.images, feed.pool.free) == (3, 17)
    assert len(list(Loader(feed.pool, 2))) == 1  # the single image joins the others


def test_where_all_images_are_left_out_one_sentence_says_so(fed, numbered):
    loader = Loader(fed(numbered(blank=set(range(20)))), 4)
    with pytest.raises(InputError, match="none of the 4 images so far can be used"):
        list(loader)
