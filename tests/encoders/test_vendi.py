"""The Vendi score: where its value is known."""

import math

import pytest
import torch

from zeroreal.encoders import vendi_score, vendi_within


def test_equal_images_come_to_one():
    assert vendi_score(torch.eye(3)[:1].repeat(7, 1)) == pytest.approx(1)


@pytest.mark.parametrize("count", [2, 5])
def test_images_without_likeness_come_to_their_number(count):
    assert vendi_score(torch.eye(5)[:count]) == pytest.approx(count)


@pytest.mark.parametrize("copies", [1, 4])
def test_two_images_by_their_cosine(copies):
    cosine = 0.6
    pair = torch.tensor([[1.0, 0.0], [cosine, math.sqrt(1 - cosine**2)]])
    shares = [(1 + cosine) / 2, (1 - cosine) / 2]  # the eigenvalues of K / N
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert vendi_score(pair.repeat(copies, 1)) == pytest.approx(expected)


def test_classes_are_averaged_however_large_they_are():
    vectors = torch.cat([torch.eye(4), torch.eye(4)[:1].repeat(2, 1)])
    labels = torch.tensor([3, 3, 3, 3, 1, 1])
    assert vendi_within(vectors, labels) == pytest.approx((4 + 1) / 2)
