"""Inputs of attention, and its definition in float64."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from zeroreal.kernels import _xformers
from zeroreal.kernels._attention_backends import (
    attention_not_supported_reasons,
    resolve_attention_backend,
)

backends_module = importlib.import_module("zeroreal.kernels._attention_backends")


TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 2e-6,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}


@pytest.fixture(autouse=True)
def _forget_what_serves() -> Iterator[None]:
    """Tests pretend to have other devices and libraries."""
    yield
    attention_not_supported_reasons.cache_clear()
    resolve_attention_backend.cache_clear()
    backends_module._log_fallback.cache_clear()
    _xformers._xformers_operators.cache_clear()


def random_inputs(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, Tensor, Tensor]:
    batch, queries, keys, heads, head_size = shape
    generator = torch.Generator().manual_seed(11)
    sizes = [(batch, tokens, heads * head_size) for tokens in (queries, keys, keys)]
    query, key, value = (torch.randn(size, generator=generator) for size in sizes)
    return (query.to(device, dtype), key.to(device, dtype), value.to(device, dtype))


def expected(
    query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float | None = None
) -> Tensor:
    """The definition, head by head, in float64 and NumPy."""
    q, k, v = (x.double().cpu().numpy() for x in (query, key, value))
    size = q.shape[2] // heads
    out = np.empty_like(q)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        factor = 1 / math.sqrt(size) if scale is None else scale
        scores = np.einsum("bsd,btd->bst", q[..., part], k[..., part]) * factor
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out[..., part] = np.einsum("bst,btd->bsd", weights, v[..., part])
    return torch.from_numpy(out)


def assert_close(actual: Tensor, wanted: Tensor) -> None:
    assert actual.is_contiguous()
    torch.testing.assert_close(actual.double().cpu(), wanted, rtol=0, atol=TOLERANCES[actual.dtype])


@pytest.fixture(name="random_inputs", scope="session")
def _random_inputs() -> Any:
    return random_inputs


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_close", scope="session")
def _assert_close() -> Any:
    return assert_close
