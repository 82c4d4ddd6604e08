"""Several ranks: each has its share of what one process would have."""

import itertools

import pytest
import torch

from zeroreal.kernels import AugmentRanges
from zeroreal.train import Loader

CPU = torch.device("cpu")
STRONG = AugmentRanges(
    area=(0.5, 1.0), rotate=10, flip=0.5, shift=0.2, brightness=0.3, contrast=0.3, erase=0.3
)


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
