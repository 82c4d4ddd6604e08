"""The schedule: when images arrive, and how often they are trained on."""

import itertools

import pytest

from zeroreal.base import InputError
from zeroreal.train.pool.epochs import EpochPlan, block_sizes, check_passes, virtual_epochs


def passes(*arguments):
    return [(epoch.generated, epoch.samples) for epoch in virtual_epochs(*arguments)]


@pytest.mark.parametrize(
    ("images", "capacity", "block", "replaces", "expected"),
    [
        (10, 100, 4, False, [4, 4, 2]),
        (10, 6, 4, False, [4, 2]),  # what does not fit is not generated
        (10, 6, 4, True, [4, 4, 2]),
        (4, 4, 4, True, [4]),
    ],
)
def test_blocks_end_with_what_is_left(images, capacity, block, replaces, expected):
    assert block_sizes(images, capacity, block, replaces) == expected


def test_a_full_pool_is_passed_over_once_an_epoch():
    assert passes([20], 20, 3) == [(20, 20)] * 3


def test_training_begins_with_the_first_block_and_makes_up_for_the_short_passes():
    # 4 + 8 + 12 + 12 + 12 = 48 samples: four times twelve images
    assert passes([4, 4, 4], 12, 4) == [(4, 4), (8, 8), (12, 12), (12, 12), (12, 12)]


def test_images_that_make_room_for_others_are_used_as_often_before():
    # An image is in the pool for two blocks, with two passes each.
    found = passes([4] * 5, 8, 4)
    assert found[:4] == [(4, 4), (4, 4), (8, 8), (8, 8)]
    assert found[4:10] == [(12, 8), (12, 8), (16, 8), (16, 8), (20, 8), (20, 8)]
    # What is left of the 4 x 20 samples is drawn from the last images.
    assert found[10:] == [(20, 8)]


@pytest.mark.parametrize("epochs", [1, 5])
@pytest.mark.parametrize("capacity", [8, 12, 40])
@pytest.mark.parametrize("most", [1.0, 1.5, 3.0])
def test_the_replay_ratio_never_passes_its_bound(epochs, capacity, most):
    blocks = [4] * 10
    found = passes(blocks, capacity, epochs, most)
    trained = itertools.accumulate(samples for _, samples in found)
    assert all(
        so_far <= most * generated for so_far, (generated, _) in zip(trained, found, strict=True)
    )
    total = sum(samples for _, samples in found)
    assert 0 <= min(most, epochs) * 40 - total < 2  # a pass of one sample is none


def test_without_an_end_the_last_images_are_passed_over_again_and_again():
    endless = virtual_epochs([3, 3], 6, None)
    assert [epoch.samples for epoch in itertools.islice(endless, 6)] == [3, 6, 6, 6, 6, 6]


@pytest.mark.parametrize(
    ("most", "is_enough"),
    [(0.01, False), (0.19, False), (0.2, True), (None, True)],  # a pass takes two samples
)
def test_a_bound_that_leaves_no_pass_shows_before_anything_is_generated(most, is_enough):
    blocks = [4, 4, 2]
    if is_enough:
        check_passes(blocks, 8, 5, most)
    else:
        with pytest.raises(InputError, match=f"max replay is {most}, .* not even one .* 10 images"):
            check_passes(blocks, 8, 5, most)


def test_a_pass_may_use_up_exactly_what_is_allowed():
    # Of each of 8 images once: 4 with the first block, and 4 of 8 with the second.
    assert passes([4, 4], 8, 1) == [(4, 4), (8, 4)]


@pytest.mark.parametrize(("most", "last"), [(1.2, [(10, 2)]), (1.1, [])])
def test_a_last_pass_of_two_samples_is_one_and_of_one_sample_is_none(most, last):
    assert passes([10], 10, 3, most) == [(10, 10), *last]


def test_the_replay_bound_holds_where_the_epochs_have_no_end():
    assert passes([3, 3], 6, None, 1.5) == [(3, 3), (6, 6)]


def test_passes_after_a_block_are_rounded_to_whole_ones():
    # 3 x 4 / 8 are two passes (1.5 rounds to even) over what is held, 3 x 8 samples in all.
    assert passes([4, 4], 8, 3) == [(4, 4), (4, 4), (8, 8), (8, 8)]


def test_without_an_end_each_block_that_replaces_the_pool_is_passed_over_once():
    endless = virtual_epochs([4, 4], 4, None)
    found = [(epoch.generated, epoch.samples) for epoch in itertools.islice(endless, 3)]
    assert found == [(4, 4), (8, 4), (8, 4)]


def test_the_end_is_counted_in_samples_not_in_epochs():
    plan = EpochPlan([4, 4], 8, 3, None)  # 4, 4, 8 and 8 samples
    assert [plan.is_at_the_end(number, 0.34) for number in range(4)] == [False, False, False, True]
    assert [plan.is_at_the_end(number, 2 / 3) for number in range(4)] == [False, False, True, True]
    assert not plan.is_at_the_end(3, 0.2)
    with pytest.raises(InputError, match="has no end"):
        EpochPlan([4], 4, None, None).is_at_the_end(0, 0.5)
