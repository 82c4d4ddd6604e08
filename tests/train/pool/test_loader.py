"""The loader: each epoch's images once, as training wants them, and a known number of batches."""

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


def test_an_epoch_draws_every_image_once_in_another_order_each_time(
    pool_of, numbered, samples_of, flat
):
    loader = Loader(pool_of(300), 64)
    epochs = [list(loader) for _ in range(3)]
    orders = [flat(samples_of(epoch, numbered)) for epoch in epochs]
    assert all(sorted(order) == list(range(300)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    labels = torch.cat([labels for _, labels in epochs[0]]).tolist()
    assert labels == [sample % 2 for sample in orders[0]]


def test_an_image_is_as_likely_in_every_place(pool_of, numbered, samples_of):
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
def test_balanced_epochs_draw_as_many_of_each_class(pool_of, numbered, count, samples_of, flat):
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


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(noise_pool, same):
    def first_epoch(seed):
        return list(Loader(noise_pool, 14, augment=STRONG, seed=seed))

    same(first_epoch(3), first_epoch(3))
    ((images, labels),), ((others, other_labels),) = first_epoch(3), first_epoch(4)
    assert labels.tolist() != other_labels.tolist()
    # The same image is augmented otherwise.
    assert not torch.equal(images[labels.argsort()], others[other_labels.argsort()])


def test_augmentation_does_not_depend_on_how_many_are_drawn_at_once(monkeypatch, noise_pool, same):
    expected = list(Loader(noise_pool, 4, augment=STRONG))
    monkeypatch.setattr("zeroreal.train.pool.batch_maker._DRAWN_AT_ONCE", 1)
    same(list(Loader(noise_pool, 4, augment=STRONG)), expected)


def test_the_last_epochs_are_without_augmentation(noise_pool, same):
    def epochs(**options):
        loader = Loader(noise_pool, 4, epochs=4, seed=5, **options)
        return [list(loader) for _ in range(4)]

    augmented, plain = epochs(augment=STRONG), epochs()
    ended = epochs(augment=STRONG, plain_share=0.5)
    for found, expected in zip(ended, (*augmented[:2], *plain[2:]), strict=True):
        same(found, expected)
    assert not torch.equal(augmented[3][0][0], plain[3][0][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plain_share": 1.5, "epochs": 2}, r"plain share is 1\.5: a share of all epochs"),
        ({"plain_share": 0.5}, r"plain share is 0\.5 of epochs that have no end"),
    ],
)
def test_a_plain_share_must_have_an_end(noise_pool, options, message):
    with pytest.raises(InputError, match=message):
        Loader(noise_pool, 4, **options)


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
        ({"epochs": 0}, "epochs is 0: a whole number of at least 1"),
        ({"max_replay": 0.0}, "max replay is 0.0: it must be above 0"),
        ({"max_replay": float("nan")}, "max replay is nan"),
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
