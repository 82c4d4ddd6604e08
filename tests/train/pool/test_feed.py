"""The feed: what training sees follows from the plan, whatever runs beside what and how fast."""

import threading
import time

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import Feed, ImagePool, Loader

CPU = torch.device("cpu")


@pytest.fixture
def fed(numbered):
    """A function that makes a feed of 20 samples, in blocks of 4, for a pool of 8."""

    def make(source=None, *, count=20, capacity=8, spare=4, block=4, policy="oldest", **options):
        pool = ImagePool(capacity, 4, CPU, spare)
        options = {"mode": "alternate", **options}
        source = source or numbered()
        feed = Feed(source, numbered.plan(count), pool, block=block, policy=policy, **options)
        return feed

    return make


def published(feed):
    return feed.pool.state_dict()["samples"]


def windows(feed):
    """What is published after each advance."""
    found = []
    while feed.advance():
        found.append(published(feed))
    return found


def test_a_pool_that_keeps_stops_generating_when_it_is_full(fed, numbered):
    source = numbered()
    found = windows(fed(source, policy="keep", spare=0, capacity=10))
    assert found == [[*range(4)], [*range(8)], [*range(10)]]
    assert source.generated == [*range(10)]


def test_the_oldest_make_room(fed):
    expected = [[*range(4)], *([*range(begin, begin + 8)] for begin in (0, 4, 8, 12))]
    assert windows(fed()) == expected


def test_the_most_replayed_make_room(fed):
    feed = fed(policy="most-replayed")
    feed.advance()
    feed.advance()
    feed.pool.count_uses(feed.pool.slots()[[1, 3, 4, 6]])
    feed.advance()
    assert published(feed) == [0, 2, 5, 7, 8, 9, 10, 11]


def test_images_that_the_source_leaves_out_are_missing_from_their_block(fed, numbered):
    found = windows(fed(numbered(blank={1, 2, 9})))
    assert found[0] == [0, 3]
    assert found[2] == [3, 4, 5, 6, 7, 8, 10, 11]  # only as many go as come


def batches(feed, numbered, pause=0.0):
    seen = []
    loader = Loader(feed, 3, epochs=3, seed=5)
    while not loader.is_finished:
        for images, labels in loader:
            time.sleep(pause)
            seen.append((numbered.numbers(images), labels.tolist()))
    return seen


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize(
    ("source_seconds", "pause"), [(0.01, 0.0), (0.0, 0.002)], ids=["producer", "consumer"]
)
def test_training_sees_the_same_in_every_mode_whoever_is_slow(
    fed, numbered, policy, source_seconds, pause
):
    expected = batches(fed(policy=policy), numbered)
    source = numbered(seconds=source_seconds)
    beside = fed(source, policy=policy, mode="overlap")
    assert batches(beside, numbered, pause) == expected
    assert source.threads == {"MainThread", "generate"}


def test_generating_goes_no_further_ahead_than_one_block(fed):
    ahead = []
    feed = fed(mode="overlap", on_batch=lambda written: ahead.append(written - feed.generated))
    while feed.advance():
        time.sleep(0.01)
    assert len(ahead) >= 7
    assert max(ahead) == 4


def test_an_error_of_the_source_is_raised_by_advance(fed, numbered):
    feed = fed(numbered(broken=9), mode="overlap")
    assert feed.advance()
    assert feed.advance()
    with pytest.raises(RuntimeError, match="sample 9"):
        feed.advance()
    assert published(feed) == [*range(8)]


def test_closing_ends_the_thread_after_the_batch_in_work(fed, numbered):
    threads = threading.active_count()
    source = numbered(batch_size=1)

    def slow_down(written):
        source.seconds = 0.05 if written >= 20 else 0.0

    options = {"policy": "keep", "mode": "overlap", "on_batch": slow_down}
    feed = fed(source, count=40, capacity=40, block=20, **options)
    feed.advance()
    feed.close()
    feed.close()
    assert threading.active_count() == threads
    assert len(source.generated) < 30


def test_closing_ends_a_thread_that_waits_for_a_slot(fed, numbered):
    feed = fed(count=12, spare=4, mode="overlap")
    feed.advance()
    feed.advance()
    feed.pool.take(len(feed.pool.storage) - 8 - feed.written + 8)  # somebody else has the rest
    feed.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "generate"]


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize("mode", ["alternate", "overlap"])
def test_a_state_brings_back_what_the_pool_held_and_generates_no_more(fed, numbered, policy, mode):
    before = fed(policy=policy, mode=mode)
    for _ in range(3):
        before.advance()
        before.pool.count_uses(before.pool.slots()[::2])
    state = before.state_dict()
    source = numbered()
    after = fed(source, policy=policy, mode=mode)
    after.load_state_dict(state)
    assert source.generated == state["pool"]["samples"]
    assert after.pool.state_dict() == state["pool"]
    assert windows(after) == windows(before)


def test_images_that_were_kept_are_not_generated_again(fed, numbered):
    source = numbered()
    feed = fed(source, policy="keep", capacity=20)
    numbers = [1, 2, 3, 9]
    feed.restore(numbered.pictures(numbers), torch.tensor([1, 0, 1, 1]), torch.tensor(numbers))
    found = windows(feed)
    assert found[0] == [*range(4)]
    assert found[-1] == [*range(20)]
    assert sorted(source.generated) == sorted(set(range(20)) - set(numbers))
    assert torch.equal(feed.pool.storage[feed.pool.slots()], numbered.pictures(range(20)))


@pytest.mark.parametrize("state_after", [0, 2], ids=["no state", "an early state"])
def test_images_kept_from_later_blocks_do_not_stand_in_the_way(fed, numbered, state_after):
    """A run is stopped long after its last checkpoint: the pool was full of newer images."""
    before, expected = fed(), fed()
    for _ in range(state_after):
        before.advance()
    state = before.state_dict()
    for _ in range(4 - state_after):
        before.advance()
    images, labels, samples = before.pool.written()
    source = numbered()
    after = fed(source)
    after.restore(images, labels, torch.tensor(samples))
    if state_after:
        after.load_state_dict(state)
    for _ in range(state_after):
        expected.advance()
    assert windows(after) == windows(expected)
    assert torch.equal(after.pool.storage[after.pool.slots()], numbered.pictures(range(12, 20)))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"policy": "olddest"}, "did you mean 'oldest'"),
        ({"mode": "parallel"}, "sharing mode"),
        ({"block": 0}, "block is 0"),
        ({"block": 9, "spare": 9}, "block is 9"),
        ({"spare": 3}, "3 spare slots"),
        ({"count": 0}, "no samples"),
    ],
)
def test_arguments_are_checked(fed, options, complaint):
    with pytest.raises(InputError, match=complaint):
        fed(**options)


def test_a_state_is_refused_by_another_plan_and_by_a_feed_that_has_begun(fed):
    feed = fed()
    feed.advance()
    state = feed.state_dict()
    with pytest.raises(InputError, match="20 images in 5 blocks, these are 24 in 6"):
        fed(count=24).load_state_dict(state)
    with pytest.raises(InputError, match="has published 1"):
        feed.load_state_dict(state)


class Turns:
    """Notes what the feed measures."""

    is_concurrent = False

    def __init__(self):
        self.noted = []

    def first_turn(self, seconds, images):
        self.noted.append(("first", images))

    def turn(self, images, samples):
        self.noted.append((samples, images))


def test_the_first_turn_of_a_training_that_goes_on_is_a_first_turn_too(fed):
    before = fed()
    before.advance()
    after = fed()
    after.load_state_dict(before.state_dict())
    for feed in (before, after):
        feed.sharing = Turns()
        feed.pool.count_uses(feed.pool.slots())
        feed.advance()
        feed.pool.count_uses(feed.pool.slots())
        feed.advance()
    assert before.sharing.noted == [(4, 4), (8, 4)]
    assert after.sharing.noted == [("first", 4), (8, 4)]
