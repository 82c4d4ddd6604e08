"""`augment` on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from zeroreal.kernels._augment import augment

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


PADDINGS = ["edge", "reflect"]


@pytest.mark.gpu
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cuda_gives_the_bits_of_the_cpu(
    dtype: torch.dtype,
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
    empty_batch: Callable[..., Any],
) -> None:
    images, parameters = random_images(64, 33, 37, channels), random_parameters(64)
    wanted = run(augment, images, parameters, (47, 41), dtype=dtype, padding=padding)
    out = empty_batch(64, channels, 47, 41, dtype).cuda()
    index = torch.arange(64).cuda()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        statistics = (MEAN[:channels], STD[:channels])
        augment(out, images.cuda(), index, parameters.cuda(), *statistics, padding)
    stream.synchronize()
    assert torch.equal(out.cpu(), wanted)


@pytest.mark.gpu
def test_cuda_makes_nan_of_an_image_that_is_not_there(
    unchanged: Callable[..., Any],
    random_images: Callable[..., Any],
    empty_batch: Callable[..., Any],
) -> None:
    images = random_images(2, 8, 8).cuda()
    out = empty_batch(3, 3, 8, 8).cuda()
    augment(out, images, torch.tensor([0, 2, -1]).cuda(), unchanged(3).cuda(), MEAN, STD)
    assert out[0].isfinite().all()
    assert out[1:].isnan().all()
