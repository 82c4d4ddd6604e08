"""What is no picture: made by hand, and what the embedded model and a pen draw, which are some."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from zeroreal.generate.filters.pictures import FAULTS, faults_of, saturated_share
from zeroreal.kernels import finish_reference


def said(images):
    """What is said of images, float `[B, 3, S, S]` of -1..1."""
    side = images.shape[-1]
    return [FAULTS[fault] for fault in faults_of(*finish_reference(images, side, side)).tolist()]


def noise(side=32):
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(1)) * 1.8 - 0.9


def stick_figure(side, width):
    """Black strokes on white with grey edges, uint8 `[side, side, 3]`."""
    large = 4 * side
    picture = Image.new("RGB", (large, large), "white")
    draw = ImageDraw.Draw(picture)
    lines = [(0.5, 0.3, 0.5, 0.65), (0.25, 0.45, 0.75, 0.45), (0.5, 0.65, 0.3, 0.92)]
    for line in [*lines, (0.5, 0.65, 0.7, 0.92)]:
        draw.line([place * large for place in line], fill="black", width=4 * width)
    return torch.tensor(np.asarray(picture.resize((side, side), Image.Resampling.BOX)))


def test_each_fault_is_named_and_one_that_hides_the_others_comes_first():
    images = torch.stack([noise()] * 7)
    images[1, 0, 5, 5] = float("nan")
    images[2] = 1.0  # white, so saturated too
    images[3] = images[3].sign()
    images[4] = images[4].sign()
    images[4, 1, 0, 0] = float("inf")
    images[5] *= 1e4  # clipped
    assert said(images) == ["", "nan", "blank", "saturated", "nan", "saturated", ""]


def test_the_saturated_share_counts_values_of_0_and_of_255_only():
    images = torch.full((2, 10, 10, 3), 254, dtype=torch.uint8)
    images[0, 0, :, 0] = 0
    images[0, 1, :5, 2] = 255
    images[1, :, :, 1:] = 1
    assert saturated_share(images).tolist() == pytest.approx([15 / 300, 0])


def test_a_thousandth_of_values_between_makes_a_picture():
    image = noise(100).sign()
    few, more = image.clone(), image.clone()
    few.flatten()[:29] = 0
    more.flatten()[:31] = 0
    assert said(torch.stack([few, more])) == ["saturated", ""]


@pytest.mark.parametrize("side", [32, 64, 512, 1024])
@pytest.mark.parametrize("width", [1, 8])
def test_line_art_on_a_white_ground_is_a_picture(side, width):
    drawn = stick_figure(side, width)
    values = drawn.permute(2, 0, 1)[None] / 127.5 - 1
    assert (drawn == 255).float().mean() > 0.5, "mostly white"
    assert said(values) == [""]


def test_every_image_of_the_embedded_model_in_ten_domains_is_a_picture(generator, specs):
    ours = generator(batch_size=50)
    wanted = specs("multi-domain", 100)
    assert len({spec.prompt.partition(" of ")[0] for spec in wanted}) == 10
    batches = list(ours.generate(wanted))
    assert [told for batch in batches for told in batch.rejections] == [()] * 100
    assert max(saturated_share(batch.images).max() for batch in batches) < 0.8
