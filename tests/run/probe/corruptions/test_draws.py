"""What is drawn for images: the same whatever the batch, and as it should be spread."""

import pytest
import torch
from scipy import stats

from zeroreal.run.probe.corruptions.draws import draws_of

NUMBERS = torch.tensor([7, 0, 2**32 - 1])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_each_images_draws_are_its_own(kind):
    whole = getattr(draws_of(3, "fog", NUMBERS), kind)((4, 5), 1)
    for row, number in enumerate(NUMBERS):
        alone = getattr(draws_of(3, "fog", number[None]), kind)((4, 5), 1)
        assert torch.equal(alone[0], whole[row])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_seed_stream_image_and_number_of_a_draw_all_count(kind):
    def draw(seed=3, stream="fog", number=7, draw=1):
        return getattr(draws_of(seed, stream, torch.tensor([number])), kind)((9,), draw)

    others = [draw(seed=2**64 - 1), draw(stream="frost"), draw(number=8), draw(draw=2)]
    assert all(not torch.equal(draw(), other) for other in others)
    assert torch.equal(draw(), draw())


def test_draws_are_uniform_and_normal():
    found = draws_of(0, "test", torch.arange(50))
    uniform, normal = found.uniform((400,), 0).flatten(), found.normal((400,), 1).flatten()
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert stats.kstest(uniform.numpy(), "uniform").pvalue > 0.01
    assert stats.kstest(normal.numpy(), "norm").pvalue > 0.01


def test_a_draw_without_a_shape_is_a_number_for_each_image():
    assert draws_of(0, "test", NUMBERS).uniform((), 0).shape == (3,)
