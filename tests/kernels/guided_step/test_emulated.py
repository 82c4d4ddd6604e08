"""The CUDA kernel of `guided_step` on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation
from torch import Tensor

from zeroreal.kernels._guided_step import guided_step

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("guided_step.cu")


def equals_the_cpu(library: EmulatedLibrary, inputs: list[Tensor | None], seed: int = 0) -> Any:
    """What the emulated kernel makes of the inputs, which is what the CPU's makes of them."""
    with library.in_place(seed):
        step = guided_step(*inputs)
    for one, other in zip(step, guided_step(*inputs), strict=True):
        assert torch.equal(one, other)
    return step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (3, 4, 5, 7), (2, 4, 16, 16), (2, 4, 40, 33), (0, 4, 8, 8)]
)
def test_equals_the_definition_and_the_bits_of_the_cpu(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_step: Callable[..., Any],
) -> None:
    inputs = random_inputs(shape, dtype)
    for layout in (torch.contiguous_format, torch.channels_last):
        inputs[0] = inputs[0].contiguous(memory_format=layout)
        step = equals_the_cpu(library, inputs)
        if shape[0]:
            assert_step(step, expected(*inputs))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, :, 1:, 2:],
        lambda x: x[:, ::2, ::3, ::2],
        lambda x: x.transpose(2, 3),
        lambda x: x[:1].expand(5, -1, -1, -1),
    ],
    ids=["offset", "stepped", "transposed", "one-row"],
)
def test_strides_of_the_output_are_followed(
    library: EmulatedLibrary, view: Callable[[Tensor], Tensor], random_inputs: Callable[..., Any]
) -> None:
    output = view(random_inputs((3, 4, 9, 10), torch.float16)[0])
    equals_the_cpu(library, [output, *random_inputs((3, *output.shape[1:]))[1:]])


def test_inputs_at_any_address_are_read(
    library: EmulatedLibrary, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 4, 6, 6))
    storage = torch.zeros(inputs[3].numel() + 1)
    inputs[3] = storage[1:].view(inputs[3].shape).copy_(inputs[3])
    equals_the_cpu(library, inputs)


def test_without_guidance_or_noise_their_inputs_are_not_read(
    library: EmulatedLibrary, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs((2, 4, 6, 5), coefficients=(0.5, 0.9, -0.4, 0.3, 0.0, 1.5, -0.7))
    inputs[1] = None
    inputs[2].fill_(torch.nan)
    for tensor in equals_the_cpu(library, inputs):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_order_of_blocks_and_threads_changes_nothing(
    library: EmulatedLibrary, seed: int, random_inputs: Callable[..., Any]
) -> None:
    equals_the_cpu(library, random_inputs((3, 4, 21, 22), torch.bfloat16), seed)


def test_more_images_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation, random_inputs: Callable[..., Any]
) -> None:
    equals_the_cpu(emulation.library("guided_step.cu", LOW_GRID), random_inputs((5, 4, 5, 7)))
