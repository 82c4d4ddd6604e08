"""A loader that is left, or goes on from a state: to the bit, or not at all."""

import json

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train import DegradeRanges, Feed, ImagePool, Loader

CPU = torch.device("cpu")
STRONG = AugmentRanges(
    area=(0.5, 1.0), rotate=10, flip=0.5, shift=0.2, brightness=0.3, contrast=0.3, erase=0.3
)


def remaining(loader):
    """The batches of all epochs that are left."""
    found = []
    while not loader.is_finished:
        found += list(loader)
    return found


def test_leaving_early_ends_the_epoch(pool_of, numbered, samples_of):
    expected = [samples_of(epoch, numbered) for epoch in self_and_next(pool_of(10))]
    loader = Loader(pool_of(10), 4)
    for images, _ in loader:
        assert numbered.numbers(images) == expected[0][0]
        break
    assert loader.epoch == 1
    assert loader.samples == 4
    assert samples_of(loader, numbered) == expected[1]


def self_and_next(pool):
    loader = Loader(pool, 4)
    return list(loader), list(loader)


def test_starting_again_ends_an_iteration_that_somebody_still_holds(
    pool_of, numbered, samples_of, flat
):
    loader = Loader(pool_of(10), 4)
    held = iter(loader)
    next(held)
    assert sorted(flat(samples_of(loader, numbered))) == list(range(10))
    assert next(held, None) is None
    assert (loader.epoch, loader.batch, loader.samples) == (2, 0, 14)


@pytest.mark.parametrize("given", range(8))
def test_a_pool_s_loader_goes_on_from_any_batch(noise_pool, given, same):
    def make():
        return Loader(
            noise_pool, 4, augment=STRONG, plain_share=0.5, epochs=2, seed=9, balanced=True
        )

    before, after = make(), make()
    batches = (batch for _ in range(2) for batch in before)
    for _ in range(given):
        next(batches)
    state = json.loads(json.dumps(before.state_dict()))
    after.load_state_dict(state)
    assert (after.epoch, after.batch, after.samples) == (before.epoch, before.batch, before.samples)
    same(remaining(after), list(batches))


def test_a_state_ends_an_iteration_that_somebody_still_holds(noise_pool, same):
    loader = Loader(noise_pool, 4, epochs=2)
    state, expected = loader.state_dict(), remaining(Loader(noise_pool, 4, epochs=2))
    held = iter(loader)
    next(held)
    loader.load_state_dict(state)
    same(remaining(loader), expected)


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize("given", [0, 1, 4, 7])
def test_a_feed_s_loader_goes_on_from_any_batch(numbered, policy, given, same):
    source = numbered(blank={2, 11})

    def make():
        pool = ImagePool(8, 4, CPU, spare=4)
        feed = Feed(source, numbered.plan(20), pool, block=4, policy=policy, mode="overlap")
        return Loader(feed, 3, augment=AugmentRanges(brightness=0.2), epochs=4, seed=9)

    def all_of(loader):
        while not loader.is_finished:
            yield from loader

    before, after = make(), make()
    batches = all_of(before)
    for _ in range(given):
        next(batches)
    state = json.loads(json.dumps(before.state_dict()))
    expected = list(batches)
    source.generated.clear()
    after.load_state_dict(state)
    assert source.generated == state["source"]["pool"]["samples"]
    same(list(all_of(after)), expected)
    assert after.pool.state_dict() == before.pool.state_dict()


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"seed": 1}, "of seed 0, this one has 1"),
        ({"batch_size": 3}, "of batch size 2, this one has 3"),
        ({"world_size": 2}, "of world size 1, this one has 2"),
        ({"epochs": 4, "plain_share": 0.5}, "lacks 'plain_share'"),
    ],
)
def test_the_state_of_another_loader_is_refused(pool_of, other, complaint):
    state = Loader(pool_of(6), 2).state_dict()
    with pytest.raises(InputError, match=complaint):
        Loader(pool_of(6), **{"batch_size": 2, **other}).load_state_dict(state)


def test_the_state_of_another_pool_is_refused(pool_of):
    state = Loader(pool_of(6), 2).state_dict()
    with pytest.raises(InputError, match="5 other images than the 6"):
        Loader(pool_of(5), 2).load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("before"), "the loader's state lacks 'before'"),
        (lambda state: state.pop("seed"), "the loader's state lacks 'seed'"),
        (lambda state: state.update(a=1, b=2), "has the unknown 'a', 'b'"),
        (lambda state: state.update(version=2), "has format version 2, not 1"),
        (lambda state: state["source"].pop("uses"), "the pool's state lacks 'uses'"),
    ],
)
def test_a_state_of_another_format_gets_one_sentence(pool_of, change, complaint):
    state = Loader(pool_of(6), 2).state_dict()
    change(state)
    with pytest.raises(InputError, match=f"{complaint}.*go on with the version") as caught:
        Loader(pool_of(6), 2).load_state_dict(state)
    assert "\n" not in str(caught.value)


def test_the_state_of_a_feed_is_not_taken_for_that_of_a_pool(pool_of, fed):
    state = Loader(fed(), 2).state_dict()
    with pytest.raises(InputError, match="the pool's state lacks 'samples'"):
        Loader(pool_of(6), 2).load_state_dict(state)


def test_a_state_without_a_version_is_of_the_first_format(noise_pool, same):
    before, after = (Loader(noise_pool, 4, epochs=2) for _ in range(2))
    next(iter(before))
    state = before.state_dict()
    assert state.pop("version") == 1
    after.load_state_dict(state)
    same(remaining(after), remaining(before))


@pytest.mark.parametrize("name", ["augmentation", "degradation"])
def test_ranges_that_a_state_does_not_have_must_be_at_their_defaults(noise_pool, name):
    """A state written before a newer version added the range `erase`, or `noise`."""

    def make(changed):
        erase, noise = (0.3, 0.1) if changed else (0.0, 0.0)
        options = {"augment": AugmentRanges(flip=0.5, erase=erase)}
        return Loader(noise_pool, 4, degrade=DegradeRanges(blur=1.0, noise=noise), **options)

    state = make(changed=False).state_dict()
    newest = {"augmentation": ", erase=0.0", "degradation": ", noise=0.0"}[name]
    assert state[name].count(newest) == 1
    state[name] = state[name].replace(newest, "")
    make(changed=False).load_state_dict(state)
    with pytest.raises(InputError, match=f"of {name} "):
        make(changed=True).load_state_dict({**make(changed=True).state_dict(), name: state[name]})
