"""The order of stored images: what is mixed well enough, and what is read in turn."""

import numpy as np
import pytest

from zeroreal.run.stored.order import StoredPlan, interleaved, is_mixed


def labels(*runs):
    """Labels of runs of `(label, count)`."""
    return np.concatenate([np.full(count, label) for label, count in runs])


@pytest.mark.parametrize(
    ("stored", "block"),
    [
        (labels(*((k, 100) for k in range(10))), 125),
        (labels((0, 500), (1, 500)), 125),
        (labels((0, 900), (1, 100)), 50),  # a few blocks of the rare class alone
        (labels(*((k, 8) for k in range(4))), 11),
    ],
)
def test_images_sorted_by_class_are_not_mixed(stored, block):
    assert not is_mixed(stored, block)
    assert is_mixed(stored, len(stored))
    assert is_mixed(stored[interleaved(stored)], block)


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("block", [1, 100, 20_000])
def test_shuffled_images_are_mixed(classes, block):
    drawn = np.random.default_rng(0).integers(classes, size=100_000)
    assert is_mixed(drawn, block)


def test_images_in_turn_are_mixed_however_small_the_blocks():
    assert is_mixed(np.arange(1000) % 10, 1)


def test_equally_many_of_each_class_take_turns_in_their_own_order():
    stored = labels((0, 3), (1, 3), (2, 3))
    assert interleaved(stored).tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]


def test_a_rare_class_is_spread_over_all():
    stored = labels((0, 9), (1, 3))
    order = interleaved(stored)
    assert sorted(order) == list(range(12))
    assert [place for place, number in enumerate(order) if stored[number] == 1] == [2, 6, 10]


def test_a_label_without_images_is_no_matter():
    assert interleaved(labels((1, 2), (3, 2))).tolist() == [0, 2, 1, 3]


def test_a_plan_is_a_sequence_of_specs():
    plan = StoredPlan(np.array([2, 0, 1]))
    assert [(spec.index, spec.label) for spec in plan] == [(0, 2), (1, 0), (2, 1)]
    assert [spec.index for spec in plan[1:]] == [1, 2]
    assert (len(plan), plan[-1].label, plan[0].prompt) == (3, 1, "")
    with pytest.raises(IndexError):
        plan[3]
