"""What `augment` refuses: images, indices and parameters that do not go together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_reference import augment_reference

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


FUNCTIONS = pytest.mark.parametrize("function", [augment, augment_reference])


def black(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    return torch.zeros(count, height, width, channels, dtype=torch.uint8)


def channels_last(
    batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    return torch.zeros(batch, height, width, channels, dtype=dtype).permute(0, 3, 1, 2)


@FUNCTIONS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 4, 4, 3)}, r"uint8 \[N, H, W, 1 or 3\], not torch.float32"),
        ({"images": black(2, 4, 4, 4)}, r"not torch.uint8 \[2, 4, 4, 4\]"),
        ({"images": black(2, 4, 8)[:, :, ::2]}, "contiguous uint8"),
        ({"images": black(2, 4, 4, 1)}, "1 channels of the images, not 3, 3 and 3"),
        ({"images": black(2, 0, 4)}, "sides must be 1 to 32767, not 0"),
        ({"out": torch.zeros(2, 3, 5, 4)}, "out must be channels-last"),
        ({"out": channels_last(2, 3, 5, 4, torch.float64)}, "not torch.float64"),
        ({"out": channels_last(2, 3, 5, 0)}, "sides must be 1 to 32767, not 0"),
        ({"index": torch.tensor([0, 1, 0])}, r"index must be contiguous int64 \[2\]"),
        ({"index": torch.tensor([0, 1], dtype=torch.int32)}, r"not torch.int32 \[2\]"),
        ({"parameters": torch.zeros(2, 7)}, r"float32 \[2, 23\], not torch.float32 \[2, 7\]"),
        ({"parameters": torch.zeros(23, 2).t()}, r"of strides \(1, 2\)"),
        ({"mean": [0.5]}, "not 3, 1 and 3"),
        ({"padding": "zeros"}, "padding must be edge or reflect, not 'zeros'"),
        ({"index": torch.zeros(2, dtype=torch.int64, device="meta")}, "must be where out is, cpu"),
    ],
)
def test_what_cannot_be_augmented_is_refused(
    function: Callable[..., None],
    change: dict[str, object],
    message: str,
    unchanged: Callable[..., Any],
) -> None:
    arguments: dict[str, object] = {
        "out": channels_last(2, 3, 5, 4),
        "images": black(2, 4, 4),
        "index": torch.tensor([0, 1]),
        "parameters": unchanged(2),
        "mean": MEAN,
        "std": STD,
        "padding": "edge",
    }
    with pytest.raises(ValueError, match=message):
        function(**arguments | change)


@FUNCTIONS
@pytest.mark.parametrize("index", [-1, 2])
def test_an_image_that_is_not_there_is_refused(
    index: int,
    function: Callable[..., None],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    with pytest.raises(IndexError, match=f"index must be 0 to 1, not {index} to {index}"):
        run(function, black(2, 4, 4), unchanged(1), (4, 4), torch.tensor([index]))
