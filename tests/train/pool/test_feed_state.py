"""A feed that goes on from a state or from images that were saved: nothing is generated twice."""

from contextlib import nullcontext

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import Feed, ImagePool

CPU = torch.device("cpu")


def published(feed):
    return feed.pool.state_dict()["samples"]


def windows(feed):
    """What is published after each advance."""
    found = []
    while feed.advance():
        found.append(published(feed))
    return found


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


def test_images_that_are_kept_are_not_generated_again(fed, numbered, kept):
    source = numbered()
    feed = fed(source, policy="keep", capacity=20)
    numbers = [1, 2, 3, 9]
    feed.keep_in(kept(numbered.pictures(numbers), numbers))
    assert feed.written == 4
    found = windows(feed)
    assert feed.written == 20
    assert found[0] == [*range(4)]
    assert found[-1] == [*range(20)]
    assert sorted(source.generated) == sorted(set(range(20)) - set(numbers))
    assert torch.equal(feed.pool.storage[feed.pool.slots()], numbered.pictures(range(20)))
    assert feed.pool.labels_of(feed.pool.slots()).tolist() == [0, 1] * 10


@pytest.mark.parametrize("policy", ["oldest", "most-replayed"])
@pytest.mark.parametrize("state_after", [0, 2], ids=["no state", "an early state"])
def test_of_images_kept_from_whatever_block_none_is_generated_again(
    fed, numbered, kept, state_after, policy
):
    """A run is stopped long after its last checkpoint: the pool was full of newer images."""
    before, expected = fed(policy=policy), fed(policy=policy)
    for _ in range(state_after):
        before.advance()
    state = before.state_dict()
    source = numbered()
    after = fed(source, policy=policy)
    samples = [sample for sample in range(20) if sample != 6]
    after.keep_in(kept(numbered.pictures(samples), samples))
    if state_after:
        after.load_state_dict(state)
    for _ in range(state_after):
        expected.advance()
    assert windows(after) == windows(expected)
    assert source.generated == [6]
    assert torch.equal(after.pool.storage[after.pool.slots()], numbered.pictures(range(12, 20)))


@pytest.mark.parametrize("mode", ["alternate", "overlap"])
def test_after_every_batch_it_is_seen_to_that_images_are_kept(fed, numbered, kept, mode):
    feed, place = fed(mode=mode), kept([], [])
    feed.keep_in(place)
    feed.fill()
    assert place.pools == [feed.pool] * 10  # two batches a block


def test_slots_that_nobody_frees_are_not_waited_for(fed):
    feed = fed()
    feed.pool.take(9)  # of 12
    with pytest.raises(InputError, match="has 3 free slots, 4 are needed and nobody frees any"):
        feed.advance()


def test_a_state_is_refused_by_another_plan_and_by_a_feed_that_has_begun(fed):
    feed = fed()
    feed.advance()
    state = feed.state_dict()
    with pytest.raises(InputError, match="20 images in 5 blocks, these are 24 in 6"):
        fed(count=24).load_state_dict(state)
    with pytest.raises(InputError, match="has published 1"):
        feed.load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("blocks"), "the feed's state lacks 'blocks'"),
        (lambda state: state.update(rows=3), "the feed's state has the unknown 'rows'"),
        (lambda state: state["pool"].pop("ages"), "the pool's state lacks 'ages'"),
        (lambda state: state["pool"]["uses"].pop(), "4 samples, 4 ages and 3 uses"),
        (lambda state: state.update(pool=[]), "the pool's state is of type list"),
    ],
)
def test_a_state_of_another_format_is_refused_before_anything_is_generated(
    fed, numbered, change, complaint
):
    before = fed()
    before.advance()
    state = before.state_dict()
    change(state)
    source = numbered()
    with pytest.raises(InputError, match=complaint) as caught:
        fed(source).load_state_dict(state)
    assert "\n" not in str(caught.value)
    assert source.generated == []


def test_a_sample_of_the_state_that_the_source_now_leaves_out_is_named(fed, numbered):
    before = fed()
    before.advance()
    with pytest.raises(InputError, match="sample 2, which the state has, was not generated again"):
        fed(numbered(blank={2})).load_state_dict(before.state_dict())


def test_softened_targets_are_made_of_the_labels_of_their_images(numbered, kept):
    def soften(images, labels):
        assert labels.tolist() == [int(image[0, 0, 0]) % 3 for image in images]
        return torch.eye(3)[labels]

    pool = ImagePool(7, 4, CPU, classes=3)
    feed = Feed(numbered(), numbered.plan(7, classes=3), pool, block=7, soften=soften)
    feed.keep_in(kept(numbered.pictures([5, 1]), [5, 1]))
    feed.fill()
    slots = pool.slots()
    assert pool.target_storage[slots].argmax(1).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert pool.labels_of(slots).tolist() == [0, 1, 2, 0, 1, 2, 0]


class Turns:
    """Notes what the feed measures."""

    is_concurrent = False

    def __init__(self):
        self.noted = []

    def begin_block(self):
        self.noted.append("begin")

    def generating_stream(self):
        return nullcontext()

    def turn(self, images, samples):
        self.noted.append((samples, images))


def test_turns_are_measured_from_where_the_block_begins_also_in_a_training_that_goes_on(fed):
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
    expected = ["begin", (4, 4), "begin", (8, 4)]
    assert before.sharing.noted == after.sharing.noted == expected
