"""How many images a pool holds, and what it complains of."""

import re

import pytest
import torch

from zeroreal.engine import InputError
from zeroreal.engine.memory import parse_size
from zeroreal.train.pool_size import PoolSize, pool_size, room_for

OPTIONS = {"blocks": 4, "replaces": True, "image_size": 8, "batch_size": 4, "classes": 2}


def test_a_quarter_of_the_free_memory_is_for_images(monkeypatch):
    free = 4 * 1000 * 64 * 64 * 3
    monkeypatch.setattr("zeroreal.train.pool_size.free_memory", lambda device: free)
    assert room_for(torch.device("cpu"), 64) == 1000


def test_a_budget_is_taken_whole():
    assert room_for(torch.device("cpu"), 8, budget=10 * 8 * 8 * 3 + 1) == 10


def test_images_that_fit_get_a_slot_each_and_come_in_blocks():
    assert pool_size(100, 50, **OPTIONS) == PoolSize(capacity=50, spare=0, block=13)


def test_a_pool_that_keeps_its_images_has_no_spare_slots():
    assert pool_size(40, 50, **OPTIONS | {"replaces": False}) == PoolSize(40, 0, 10)


def test_a_pool_that_replaces_images_has_room_for_a_block_to_come():
    size = pool_size(40, 100, **OPTIONS)
    assert size == PoolSize(capacity=32, spare=8, block=8)
    assert size.capacity + size.spare <= 40


@pytest.mark.parametrize(
    ("room", "options", "problem"),
    [
        (3, {}, "room for 2 images of 8 pixels, a batch takes 4: give it at least 1MiB"),
        (3, {"replaces": False}, "room for 3 images of 8 pixels, a batch takes 4"),
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
    room = room_for(torch.device("cpu"), 700, parse_size(said))
    assert pool_size(room, 100, **options).capacity >= 4
