"""`memory_efficient_attention` against its definition in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._attention import (
    memory_efficient_attention,
    memory_efficient_attention_reference,
)
from zeroreal.kernels._attention_backends import ATTENTION_BACKENDS, attention_not_supported_reasons

CPU_BACKENDS = ["auto", "flash", "sdpa", "math"]


TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 2e-6,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}


# (batch, query tokens, key tokens, heads, head size)
SHAPES = [
    (2, 16, 16, 4, 32),
    (3, 7, 5, 3, 20),
    (1, 1, 1, 1, 1),
    (2, 1, 77, 2, 40),
    (1, 65, 33, 1, 160),
    (1, 9, 9, 1, 512),
]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_definition(
    shape: tuple[int, int, int, int, int],
    backend: str,
    dtype: torch.dtype,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    inputs, heads = random_inputs(shape, dtype), shape[3]
    actual = memory_efficient_attention(*inputs, heads, backend=backend)
    assert actual.dtype == dtype
    assert_close(actual, expected(*inputs, heads))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_the_reference_equals_the_definition(
    dtype: torch.dtype,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    inputs = random_inputs((3, 7, 5, 3, 20), dtype)
    assert_close(memory_efficient_attention_reference(*inputs, 3), expected(*inputs, 3))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_the_scale_is_followed(
    backend: str,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    inputs = random_inputs((2, 6, 4, 2, 8), torch.float32)
    actual = memory_efficient_attention(*inputs, 2, scale=0.9, backend=backend)
    assert_close(actual, expected(*inputs, 2, scale=0.9))


def test_weights_worked_out_by_hand() -> None:
    # Scores 0 and ln 3 give the weights 1/4 and 3/4: 1/4 * 8 + 3/4 * 4 = 5.
    query = torch.ones(1, 1, 1)
    key = torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1)
    value = torch.tensor([8.0, 4.0]).reshape(1, 2, 1)
    for backend in CPU_BACKENDS:
        out = memory_efficient_attention(query, key, value, 1, backend=backend)
        assert out.item() == pytest.approx(5)


@pytest.mark.parametrize(
    "view",
    [
        lambda packed: packed.chunk(3, dim=2),
        lambda packed: [packed.transpose(1, 2)[:, :24] for _ in range(3)],
        lambda packed: [packed[::2, ::3, ::4] for _ in range(3)],
        lambda packed: [packed[:1].expand(5, -1, -1)[..., :24] for _ in range(3)],
    ],
    ids=["packed", "transposed", "stepped", "one-sample"],
)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_strides_are_followed(
    view: Callable[[Tensor], list[Tensor]],
    backend: str,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
) -> None:
    packed = torch.randn(4, 24, 72, generator=torch.Generator().manual_seed(3))
    inputs = view(packed)
    actual = memory_efficient_attention(*inputs, 2, backend=backend)
    assert_close(actual, expected(*inputs, 2))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_scores_beyond_the_range_of_half_precision_do_not_overflow(
    backend: str,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    query, key, value = random_inputs((1, 4, 4, 1, 64), torch.float16)
    query, key = query.sign() * 60, key.sign() * 60  # 64 * 60 * 60 is over 65504
    actual = memory_efficient_attention(query, key, value, 1, backend=backend)
    assert_close(actual, expected(query, key, value, 1))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_an_empty_batch_gives_an_empty_batch(
    backend: str, random_inputs: Callable[..., Any]
) -> None:
    inputs = random_inputs((0, 4, 6, 2, 8), torch.float32)
    assert memory_efficient_attention(*inputs, 2, backend=backend).shape == (0, 4, 16)
    assert memory_efficient_attention_reference(*inputs, 2).shape == (0, 4, 16)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("backend", ["auto", *ATTENTION_BACKENDS])
@pytest.mark.parametrize("shape", [(2, 64, 77, 8, 40), (3, 256, 256, 4, 64), (1, 65, 65, 1, 512)])
def test_equals_the_definition_on_a_gpu(
    shape: tuple[int, int, int, int, int],
    backend: str,
    dtype: torch.dtype,
    assert_close: Callable[..., Any],
    expected: Callable[..., Any],
    random_inputs: Callable[..., Any],
) -> None:
    inputs, heads, head_size = random_inputs(shape, dtype, "cuda"), shape[3], shape[4]
    if backend != "auto":
        reasons = attention_not_supported_reasons(backend, inputs[0].device, dtype, head_size)
        if reasons:
            pytest.skip(f"{backend}: {', '.join(reasons)}")
    actual = memory_efficient_attention(*inputs, heads, backend=backend)
    assert_close(actual, expected(*inputs, heads))
