"""How many images a pool holds, and what it complains of."""

import re

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.sizes import parse_size
from zeroreal.train.pool.size import PoolSize, images_in, pool_size, room_for

OPTIONS = {"blocks": 4, "replaces": True, "image_size": 8, "batch_size": 4, "classes": 2}


def test_a_quarter_of_the_free_memory_is_for_images(monkeypatch):
    free = 4 * 1000 * 64 * 64 * 3
    monkeypatch.setattr("zeroreal.train.pool.size.free_memory", lambda device: free)
    assert images_in(room_for(torch.device("cpu")), 64) == 1000


def test_a_budget_is_taken_whole():
    assert images_in(room_for(torch.device("cpu"), 10 * 8 * 8 * 3 + 1), 8) == 10


def test_images_that_fit_get_a_slot_each_and_come_in_blocks():
    assert pool_size(100, 50, **OPTIONS) == PoolSize(capacity=50, spare=0, block=13)


def test_a_pool_that_keeps_its_images_has_no_spare_slots():
    assert pool_size(40, 50, **OPTIONS | {"replaces": False}) == PoolSize(40, 0, 10)


def test_a_pool_that_replaces_images_has_room_for_a_block_to_come():
    size = pool_size(40, 100, **OPTIONS)
    assert size == PoolSize(capacity=32, spare=8, block=8)
    assert size.capacity + size.spare <= 40


def test_host_memory_takes_what_the_device_has_no_room_for():
    assert pool_size(60, 50, spill=9, **OPTIONS) == PoolSize(50, 0, 13, host=0)
    assert pool_size(40, 50, spill=90, **OPTIONS) == PoolSize(50, 0, 13, host=10)
    assert pool_size(0, 50, spill=50, **OPTIONS) == PoolSize(50, 0, 13, host=50)


def test_images_replace_each_other_in_both_memories_where_both_are_too_small():
    assert pool_size(15, 100, spill=25, **OPTIONS) == PoolSize(32, 8, 8, host=25)
    kept = pool_size(15, 100, spill=25, **OPTIONS | {"replaces": False})
    assert kept == PoolSize(40, 0, 10, host=25)


@pytest.mark.parametrize(
    ("room", "options", "problem"),
    [
        (3, {}, "room for 2 images of 8 pixels, a batch takes 4: give it at least 1MiB"),
        (3, {"replaces": False}, "room for 3 images of 8 pixels, a batch takes 4"),
        (3, {"replaces": False}, r"on the device \(--pool\) or in host memory \(--spill\)"),
        (1, {"replaces": False, "spill": 2}, "room for 3 images of 8 pixels"),
        (7, {"classes": 9}, "room for 5 images of 8 pixels, an image of each class takes 9"),
        (0, {"replaces": False}, "room for 0 images"),
    ],
)
def test_a_pool_that_is_too_small_says_what_would_do(room, options, problem):
    with pytest.raises(InputError, match=problem):
        pool_size(room, 100, **OPTIONS | options)


def test_what_is_said_to_do_does():
    options = OPTIONS | {"image_size": 700}  # 1.4 MiB an image
    with pytest.raises(InputError) as error:
        pool_size(4, 100, **options)
    said = re.search(r"at least (\w+)", str(error.value))[1]
    room = images_in(parse_size(said), 700)
    assert pool_size(room, 100, **options).capacity >= 4


@pytest.mark.parametrize("replaces", [True, False])
def test_images_that_just_fit_get_a_slot_each(replaces):
    options = OPTIONS | {"replaces": replaces}
    assert pool_size(30, 50, spill=20, **options) == PoolSize(50, 0, 13, host=20)


def test_a_pool_of_just_a_batch_or_an_image_of_each_class_is_large_enough():
    assert pool_size(4, 100, **OPTIONS | {"replaces": False}).capacity == 4
    assert pool_size(9, 100, **OPTIONS | {"replaces": False, "classes": 9}).capacity == 9
    assert pool_size(2, 2, **OPTIONS).capacity == 2  # fewer images than a batch


@pytest.mark.parametrize(
    ("images", "options", "mebibytes"),
    [
        (100, {"image_size": 1024, "replaces": False}, 12),  # 3 MiB an image, a batch of 4
        (100, {"image_size": 1024}, 15),  # and one beside, as a fifth is to come
        (100, {"image_size": 1024, "blocks": 3}, 18),
        (100, {"image_size": 700}, 8),  # 5 images of 1.47e6 bytes are 7.01 MiB
        (2, {"image_size": 1024, "classes": 3}, 9),  # all fit: nothing replaces anything
    ],
)
def test_no_more_room_is_asked_for_than_it_takes(images, options, mebibytes):
    with pytest.raises(InputError, match=f"give it at least {mebibytes}MiB on"):
        pool_size(2, images, **OPTIONS | options)
