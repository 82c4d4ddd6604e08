"""The pool: whose a slot is, which images make room, and what is refused."""

import queue
import threading

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import ImagePool

CPU = torch.device("cpu")


@pytest.fixture
def filled(numbered):
    """A function that fills a pool with samples 0, 1, ..., one publication after the other."""

    def fill(*blocks, capacity=None, spare=0):
        pool = ImagePool(capacity or sum(blocks), 4, CPU, spare)
        begin = 0
        for block in blocks:
            samples = range(begin, begin + block)
            pool.add(numbered.pictures(samples), [sample % 2 for sample in samples], samples)
            begin += block
        return pool

    return fill


def samples(pool):
    return pool.state_dict()["samples"]


def test_an_image_stays_with_its_label_and_sample(filled, numbered):
    pool = filled(3, 2)
    pool.evict(2, "oldest")
    pool.add(numbered.pictures([300, 7]), [1, 0], [300, 7])
    slots = pool.slots()
    assert samples(pool) == [2, 3, 4, 7, 300]
    assert torch.equal(pool.storage[slots], numbered.pictures([2, 3, 4, 7, 300]))
    assert pool.target_storage[slots].tolist() == [0, 1, 0, 0, 1]
    assert pool.labels_of(slots).tolist() == [0, 1, 0, 0, 1]


def test_the_oldest_are_those_published_first(filled, numbered):
    pool = filled(2, 2, capacity=5)
    pool.evict(1, "oldest")
    assert samples(pool) == [1, 2, 3]
    pool.add(numbered.pictures([0]), [0], [0])  # the same sample again is young
    pool.evict(2, "oldest")
    assert samples(pool) == [0, 3]


def test_the_most_replayed_go_first_and_of_these_the_oldest(filled):
    pool = filled(2, 2)
    slots = pool.slots()
    pool.count_uses(slots[[1, 3, 2, 3, 2]])
    pool.evict(1, "most-replayed")
    assert samples(pool) == [0, 1, 3]
    pool.evict(1, "most-replayed")
    assert samples(pool) == [0, 1]
    pool.evict(1, "most-replayed")
    assert samples(pool) == [0]
    assert pool.samples == 5


def test_ages_and_uses_come_back_with_the_state(filled):
    before = filled(2, 2)
    before.count_uses(before.slots()[[0, 0, 2]])
    for policy, left in (("oldest", [1, 2, 3]), ("most-replayed", [1, 2, 3])):
        pool = filled(4)  # in one publication, never used
        pool.load_state_dict(before.state_dict())
        pool.evict(1, policy)
        assert samples(pool) == left
        pool.evict(1, policy)
        assert samples(pool) == ([2, 3] if policy == "oldest" else [1, 3])


def test_the_state_of_other_images_is_refused(filled):
    with pytest.raises(InputError, match="3 other images than the 2 of the state"):
        filled(3).load_state_dict(filled(2).state_dict())


def test_whoever_takes_slots_waits_until_there_are_some(filled):
    pool = filled(3)
    taken, free = [], queue.Queue()

    def take():  # and say how many are free each time they are too few, and at the end
        try:
            taken.extend(pool.take(2, is_stopped=lambda: free.put(pool.free)))
        finally:
            free.put(None)

    producer = threading.Thread(target=take, daemon=True)
    producer.start()
    assert free.get() == 0
    pool.evict(1, "oldest")
    while (found := free.get()) == 0:
        pass
    assert found == 1  # and not the end
    assert taken == []
    pool.evict(1, "oldest")
    producer.join()
    assert len(taken) == 2


def test_whoever_waits_for_slots_can_be_stopped(filled):
    assert filled(3).take(1, is_stopped=lambda: True) == []


def test_what_is_written_but_not_published_is_not_trained_on(filled, numbered):
    pool = filled(2, capacity=4)
    slots = pool.take(2)
    pool.write(slots, numbered.pictures([8, 9]), [0, 1], [8, 9])
    assert samples(pool) == [0, 1]
    images, labels, numbers = pool.written()
    assert numbers == [0, 1, 8, 9]
    assert torch.equal(images, numbered.pictures(numbers))
    assert labels.tolist() == [0, 1, 0, 1]
    pool.publish(slots)
    assert samples(pool) == [0, 1, 8, 9]


def test_a_full_pool_takes_no_more(filled, numbered):
    pool = filled(2, spare=1)
    with pytest.raises(InputError, match="1 free slots, 2 are needed"):
        pool.add(numbered.pictures([2, 3]), [0, 0], [2, 3])
    with pytest.raises(InputError, match="holds 2 of 2 images, 1 more"):
        pool.add(numbered.pictures([2]), [0], [2])
    with pytest.raises(InputError, match="3 slots, 4 are needed"):
        pool.take(4)


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), [0, 0], "NHWC"),
        (torch.zeros(2, 4, 5, 3, dtype=torch.uint8), [0, 0], "square"),
        (torch.zeros(2, 4, 4, 3), [0, 0], "uint8"),
        (torch.zeros(2, 4, 4, 3, dtype=torch.uint8), [0], "2 images have 1 labels"),
    ],
)
def test_given_images_are_checked(images, labels, complaint):
    with pytest.raises(InputError, match=complaint):
        ImagePool.of(images, torch.tensor(labels), CPU)
