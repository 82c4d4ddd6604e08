"""The loader: each epoch's images once, the same again from a state, and a share for each rank."""

import itertools
import json
import resource
import threading
from collections import Counter

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.kernels import AugmentRanges
from zeroreal.train import DegradeRanges, Feed, ImagePool, Loader

CPU = torch.device("cpu")
STRONG = AugmentRanges(
    area=(0.5, 1.0), rotate=10, flip=0.5, shift=0.2, brightness=0.3, contrast=0.3, erase=0.3
)


@pytest.fixture
def pool_of(numbered):
    """A function that makes a pool of samples 0, 1, ..., labelled in turn or as told."""

    def make(count, labels=None):
        labels = [sample % 2 for sample in range(count)] if labels is None else labels
        return ImagePool.of(numbered.pictures(range(count)), torch.tensor(labels), CPU)

    return make


@pytest.fixture
def noise_pool():
    """A pool of images of noise, which every augmentation changes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (14, 16, 16, 3), dtype=torch.uint8, generator=generator)
    return ImagePool.of(images, torch.arange(14), CPU)


def samples_of(batches, numbered):
    return [numbered.numbers(images) for images, _ in batches]


def flat(nested):
    return list(itertools.chain.from_iterable(nested))


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for (images, labels), (other_images, other_labels) in zip(ours, theirs, strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(labels, other_labels)


def remaining(loader):
    """The batches of all epochs that are left."""
    found = []
    while not loader.is_finished:
        found += list(loader)
    return found


def test_an_epoch_draws_every_image_once_in_another_order_each_time(pool_of, numbered):
    loader = Loader(pool_of(300), 64)
    epochs = [list(loader) for _ in range(3)]
    orders = [flat(samples_of(epoch, numbered)) for epoch in epochs]
    assert all(sorted(order) == list(range(300)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    labels = torch.cat([labels for _, labels in epochs[0]]).tolist()
    assert labels == [sample % 2 for sample in orders[0]]


def test_an_image_is_as_likely_in_every_place(pool_of, numbered):
    places = torch.zeros(6, 6)
    loader = Loader(pool_of(6), 6)
    for _ in range(300):
        (order,) = samples_of(loader, numbered)
        places[torch.arange(6), order] += 1
    # 50 expected; the variance of a cell is 300 * 1/6 * 5/6
    assert (places - 50).abs().max() < 4.5 * (300 / 6 * 5 / 6) ** 0.5


@pytest.mark.parametrize(
    ("images", "batch", "sizes"),
    [(10, 4, [4, 4, 2]), (10, 3, [3, 3, 4]), (3, 8, [3]), (8, 4, [4, 4])],
)
def test_no_batch_has_a_single_image_for_batch_normalisation(pool_of, images, batch, sizes):
    loader = Loader(pool_of(images), batch)
    assert [len(labels) for _, labels in loader] == sizes
    assert len(loader) == len(sizes)


def test_batches_are_channels_last_in_the_dtype_and_size_of_training(noise_pool):
    loader = Loader(noise_pool, 14, size=24, dtype=torch.bfloat16)
    ((images, labels),) = loader
    assert images.shape == (14, 3, 24, 24)
    assert images.dtype == torch.bfloat16
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert labels.dtype == torch.int64


def test_without_augmentation_images_are_normalised_pixels(noise_pool):
    ((images, labels),) = Loader(noise_pool, 14)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (noise_pool.storage[labels] / 255 - mean) / std  # labels are places in the pool
    assert torch.allclose(images, expected.permute(0, 3, 1, 2), atol=1e-5)


def test_degradation_comes_before_augmentation(noise_pool):
    ((plain, _),) = Loader(noise_pool, 14)
    ((blurred, _),) = Loader(noise_pool, 14, degrade=DegradeRanges(blur=3.0))
    assert blurred.std() < 0.9 * plain.std()


@pytest.mark.parametrize("count", [12, 13])
def test_balanced_epochs_draw_as_many_of_each_class(pool_of, numbered, count):
    labels = [int(sample < 3) for sample in range(count)]  # three of one class
    loader = Loader(pool_of(count, labels), 4, balanced=True)
    seen = Counter()
    for _ in range(9):
        drawn = Counter(flat(samples_of(loader, numbered)))
        rare = sum(drawn[sample] for sample in range(3))
        assert rare in {count // 2, -(-count // 2)}
        assert sum(drawn.values()) == count
        assert max(drawn[sample] for sample in range(3, count)) == 1
        # None of the rare ones more often than it must be.
        assert {drawn[sample] for sample in range(3)} <= {rare // 3, -(-rare // 3)}
        seen += drawn
    assert set(seen) == set(range(count))


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(noise_pool):
    def first_epoch(seed):
        return list(Loader(noise_pool, 14, augment=STRONG, seed=seed))

    same(first_epoch(3), first_epoch(3))
    ((images, labels),), ((others, other_labels),) = first_epoch(3), first_epoch(4)
    assert labels.tolist() != other_labels.tolist()
    # The same image is augmented otherwise.
    assert not torch.equal(images[labels.argsort()], others[other_labels.argsort()])


@pytest.mark.parametrize("world_size", [1, 3])
def test_no_two_samples_are_augmented_with_the_same_numbers(monkeypatch, pool_of, world_size):
    from zeroreal.train.pool import batch_maker as module

    drawn, draw = [], module.draw_augmentation

    def note(ranges, seed, positions, *sizes):
        drawn.extend(positions.tolist())
        return draw(ranges, seed, positions, *sizes)

    monkeypatch.setattr(module, "draw_augmentation", note)
    for rank in range(world_size):
        remaining(Loader(pool_of(12), 2, epochs=3, rank=rank, world_size=world_size))
    assert sorted(drawn) == list(range(36))


def test_augmentation_does_not_depend_on_how_many_are_drawn_at_once(monkeypatch, noise_pool):
    expected = list(Loader(noise_pool, 4, augment=STRONG))
    monkeypatch.setattr("zeroreal.train.pool.batch_maker._DRAWN_AT_ONCE", 1)
    same(list(Loader(noise_pool, 4, augment=STRONG)), expected)


def test_a_batch_that_is_held_is_not_overwritten(pool_of, numbered):
    pool = pool_of(40)
    loader = Loader(pool, 4)
    copies = []
    held = []
    for _ in range(2):
        for images, labels in loader:
            held.append((images[1:], labels))
            copies.append((images[1:].clone(), labels.clone()))
    same(held, copies)


def test_a_batch_that_autograd_needs_is_not_overwritten(pool_of):
    weight = torch.ones(1, requires_grad=True)
    products, sums = [], []
    for images, _ in Loader(pool_of(12), 4):
        products.append((images * weight).sum())
        sums.append(images.sum())
    del images
    torch.stack(products).sum().backward()
    assert torch.allclose(weight.grad, torch.stack(sums).sum())


def test_the_memory_of_batches_is_used_again(pool_of):
    addresses = {images.data_ptr() for images, _ in Loader(pool_of(80), 4)}
    assert len(addresses) <= 3


def test_leaving_early_a_thousand_times_costs_no_threads_and_no_memory(numbered):
    pool = ImagePool(4, 4, CPU, spare=2)
    feed = Feed(numbered(), numbered.plan(2000), pool, block=2, policy="oldest", mode="overlap")
    loader = Loader(feed, 2, size=64)
    threads, memory = threading.active_count(), 0
    for left in range(1000):
        for _ in loader:
            break
        assert threading.active_count() <= threads + 1
        if left == 100:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Batches that nobody freed would take 90 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 30_000  # KiB
    assert threading.active_count() == threads
    assert loader.epoch == 1000


def test_leaving_early_ends_the_epoch(pool_of, numbered):
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


def test_starting_again_ends_an_iteration_that_somebody_still_holds(pool_of, numbered):
    loader = Loader(pool_of(10), 4)
    held = iter(loader)
    next(held)
    assert sorted(flat(samples_of(loader, numbered))) == list(range(10))
    assert next(held, None) is None
    assert (loader.epoch, loader.batch, loader.samples) == (2, 0, 14)


@pytest.mark.parametrize("given", range(8))
def test_a_pool_s_loader_goes_on_from_any_batch(noise_pool, given):
    def make():
        return Loader(noise_pool, 4, augment=STRONG, epochs=2, seed=9, balanced=True)

    before, after = make(), make()
    batches = (batch for _ in range(2) for batch in before)
    for _ in range(given):
        next(batches)
    state = json.loads(json.dumps(before.state_dict()))
    after.load_state_dict(state)
    assert (after.epoch, after.batch, after.samples) == (before.epoch, before.batch, before.samples)
    same(remaining(after), list(batches))


def test_a_state_ends_an_iteration_that_somebody_still_holds(noise_pool):
    loader = Loader(noise_pool, 4, epochs=2)
    state, expected = loader.state_dict(), remaining(Loader(noise_pool, 4, epochs=2))
    held = iter(loader)
    next(held)
    loader.load_state_dict(state)
    same(remaining(loader), expected)


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize("given", [0, 1, 4, 7])
def test_a_feed_s_loader_goes_on_from_any_batch(numbered, policy, given):
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


@pytest.mark.parametrize("images", [12, 13])
@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_take_turns_in_the_order_of_one_process(pool_of, numbered, images, world_size):
    alone = flat(samples_of(Loader(pool_of(images), 2, seed=4), numbered))
    shares = [
        samples_of(Loader(pool_of(images), 2, seed=4, rank=rank, world_size=world_size), numbered)
        for rank in range(world_size)
    ]
    assert len({tuple(map(len, share)) for share in shares}) == 1  # as many steps, as large
    together = flat(zip(*(flat(share) for share in shares), strict=True))
    assert together[:images] == alone
    assert len(together) - images == -images % world_size


def test_ranks_augment_an_image_as_one_process_does(noise_pool):
    alone = list(Loader(noise_pool, 14, augment=STRONG))
    shares = [
        list(Loader(noise_pool, 7, augment=STRONG, rank=rank, world_size=2)) for rank in range(2)
    ]
    together = [
        tuple(torch.stack(pair, 1).flatten(0, 1) for pair in zip(*batches, strict=True))
        for batches in zip(*shares, strict=True)
    ]
    same(together, alone)


def test_lengths_are_known_before_the_first_batch(numbered):
    pool = ImagePool(8, 4, CPU, spare=4)
    feed = Feed(numbered(), numbered.plan(20), pool, block=4, policy="oldest")
    loader = Loader(feed, 3, epochs=4)
    expected, groups = loader.total_batches(), loader.total_batches(2)
    lengths = []
    while not loader.is_finished:
        lengths.append(len(loader))
        assert len(list(loader)) == lengths[-1]
    assert sum(lengths) == expected
    assert sum(-(-length // 2) for length in lengths) == groups
    assert len(lengths) == loader.total_epochs()
    assert len(loader) == 0
    assert list(loader) == []


@pytest.mark.parametrize("most", [1.0, 2.5])
def test_the_replay_ratio_never_passes_its_bound(numbered, most):
    pool = ImagePool(8, 4, CPU, spare=4)
    source = numbered()
    feed = Feed(source, numbered.plan(40), pool, block=4, policy="oldest", mode="alternate")
    loader = Loader(feed, 3, epochs=6, max_replay=most)
    drawn = 0
    while not loader.is_finished:
        for images, _ in loader:
            drawn += len(images)
            assert loader.replay_ratio == drawn / len(source.generated) <= most
    assert loader.replay_ratio > most - 0.1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"rank": 2, "world_size": 2}, "rank is 2"),
        ({"rank": -1}, "rank is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(pool_of, options, complaint):
    with pytest.raises(InputError, match=complaint):
        Loader(pool_of(4), **{"batch_size": 2, **options})


def test_an_empty_pool_is_refused():
    with pytest.raises(InputError, match="the pool is empty"):
        Loader(ImagePool(4, 4, CPU), 2)


def test_a_loader_without_an_end_has_no_total(pool_of):
    with pytest.raises(InputError, match="no end"):
        Loader(pool_of(4), 2).total_batches()


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"seed": 1}, "of seed 0, this one has 1"),
        ({"batch_size": 3}, "of batch size 2, this one has 3"),
        ({"world_size": 2}, "of world size 1, this one has 2"),
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
