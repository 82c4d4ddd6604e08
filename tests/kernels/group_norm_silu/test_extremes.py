"""`group_norm_silu` where numbers are large, small or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from zeroreal.kernels._group_norm_silu import group_norm_silu

# Rounding to the dtype, at values of a few units.
TOLERANCES = {torch.float32: 5e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}


@pytest.mark.parametrize(
    ("dtype", "mean"),
    [(torch.float32, 3e4), (torch.float16, 2e3), (torch.bfloat16, -500.0)],
)
def test_a_mean_far_from_zero_costs_no_precision(
    dtype: torch.dtype, mean: float, random_inputs: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    images, weight, bias, _ = random_inputs((2, 16, 96, 64), dtype, mean)
    arguments = (images, weight, bias, 4, 1e-5)
    # The mean itself is rounded to 1/1024 in float32, half a thousandth of the deviation.
    tolerance = max(TOLERANCES[dtype], 2e-3)
    torch.testing.assert_close(
        group_norm_silu(*arguments).double(), expected(*arguments), rtol=tolerance, atol=tolerance
    )


def test_a_pixel_far_from_the_others_costs_no_precision(
    random_inputs: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    images, weight, bias, _ = random_inputs((2, 8, 64, 64), torch.float32)
    images[:, :, 0, 0] = 1e4
    arguments = (images, weight, bias, 2, 1e-5, False)
    torch.testing.assert_close(
        group_norm_silu(*arguments).double(), expected(*arguments), rtol=1e-5, atol=1e-5
    )


def test_silu_is_right_to_a_millionth_of_its_value() -> None:
    # A weight of 0 leaves the bias.
    bias = torch.linspace(-86.9, 87, 4099)
    images = torch.randn(1, len(bias), 2, 2, generator=torch.Generator().manual_seed(0))
    out = group_norm_silu(images, torch.zeros_like(bias), bias, 1, 1e-5)
    wanted = bias.double() / (1 + (-bias.double()).exp())
    torch.testing.assert_close(out[0, :, 0, 0].double(), wanted, rtol=1e-6, atol=0)


def test_silu_of_the_largest_and_smallest_is_itself_and_nothing() -> None:
    bias = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, float("inf")])
    out = group_norm_silu(torch.randn(1, 6, 2, 2), torch.zeros(6), bias, 1, 1e-5)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, float("inf")])
    torch.testing.assert_close(out[0, :, 0, 0], wanted, rtol=0, atol=1e-30)


def test_nan_stays_in_its_image_and_group(random_inputs: Callable[..., Any]) -> None:
    images, weight, bias, _ = random_inputs((3, 8, 5, 5), torch.float32)
    images[1, 2, 3, 3] = float("nan")
    nan = group_norm_silu(images, weight, bias, 4, 1e-5).isnan()
    assert nan[1, 2:4].all()
    assert nan.sum() == 2 * 25
