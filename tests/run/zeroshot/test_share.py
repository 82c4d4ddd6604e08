"""Which images are classified, and in which order."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.run.zeroshot.share import balanced_order

LABELS = torch.tensor([0] * 5 + [2] * 3 + [1] * 9)


def test_classes_take_turns_as_long_as_they_have_images():
    order = balanced_order(LABELS, seed=3)
    assert sorted(order) == list(range(17))
    labels = LABELS[order].tolist()
    assert labels[:9] == [0, 1, 2] * 3
    assert labels[9:13] == [0, 1] * 2
    assert labels[13:] == [1] * 4


def test_a_share_is_the_beginning_of_all_and_depends_on_the_seed_alone():
    assert balanced_order(LABELS, 3, 7) == balanced_order(LABELS, 3)[:7]
    assert balanced_order(LABELS, 4, 7) != balanced_order(LABELS, 3, 7)
    assert balanced_order(LABELS, 3)[:9] != sorted(balanced_order(LABELS, 3)[:9])


def test_more_images_than_there_are_are_refused():
    with pytest.raises(InputError, match="18 images were asked for, there are 17: ask for fewer"):
        balanced_order(LABELS, 3, 18)
