"""What the tests of the pool share."""

import itertools

import pytest
import torch

from zeroreal.train import Feed, ImagePool

CPU = torch.device("cpu")


def samples_of(batches, numbered):
    """The samples that each batch shows."""
    return [numbered.numbers(images) for images, _ in batches]


def flat(nested):
    return list(itertools.chain.from_iterable(nested))


def same(ours, theirs):
    """Check that batches are the same to the bit."""
    assert len(ours) == len(theirs)
    for (images, labels), (other_images, other_labels) in zip(ours, theirs, strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(labels, other_labels)


def published(feed):
    """The samples that training may see."""
    return feed.pool.state_dict()["samples"]


class KeptInMemory:
    """Images that were generated before, handed out two at a time, and what is asked of it."""

    def __init__(self, images, samples):
        self.images = dict(zip(samples, images, strict=True))
        self.pools = []

    @property
    def samples(self):
        return self.images.keys()

    def read(self, samples):
        there = [sample for sample in samples if sample in self.images]
        for begin in range(0, len(there), 2):
            part = there[begin : begin + 2]
            yield part, torch.stack([self.images[sample] for sample in part])

    def save_when_due(self, pool):
        self.pools.append(pool)


@pytest.fixture(scope="session")
def kept():
    """The class `KeptInMemory`."""
    return KeptInMemory


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


@pytest.fixture(name="samples_of", scope="session")
def _samples_of():
    return samples_of


@pytest.fixture(name="flat", scope="session")
def _flat():
    return flat


@pytest.fixture(name="same", scope="session")
def _same():
    return same


@pytest.fixture(name="published", scope="session")
def _published():
    return published
