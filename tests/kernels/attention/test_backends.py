"""Which backend of attention serves, and why another does not."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from zeroreal.kernels._attention import memory_efficient_attention
from zeroreal.kernels._attention_backends import (
    ATTENTION_BACKENDS,
    attention_not_supported_reasons,
    resolve_attention_backend,
)

backends_module = importlib.import_module("zeroreal.kernels._attention_backends")


CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_an_unknown_backend_is_named_with_those_that_are_known(
    random_inputs: Callable[..., Any],
) -> None:
    inputs = random_inputs((1, 4, 4, 2, 8), torch.float32)
    message = "unknown attention backend 'flsh': known are auto, xformers, cudnn, flash, sdpa, math"
    with pytest.raises(ValueError, match=message):
        memory_efficient_attention(*inputs, 2, backend="flsh")
    with pytest.raises(ValueError, match=message):
        resolve_attention_backend("flsh", CPU, torch.float32, 8)


def test_a_backend_that_cannot_serve_is_refused_with_the_reasons_of_all(
    random_inputs: Callable[..., Any],
) -> None:
    inputs = random_inputs((1, 4, 4, 2, 8), torch.float32)
    with pytest.raises(ValueError, match=r"'cudnn' cannot serve torch\.float32") as error:
        memory_efficient_attention(*inputs, 2, backend="cudnn")
    message = str(error.value)
    assert "heads of 8 on cpu" in message
    for name in ("xformers", "cudnn"):
        assert f"{name}: it serves CUDA devices, not cpu" in message
    for name in ("flash", "sdpa", "math"):
        assert f"{name}: serves" in message


def test_what_pytorch_says_against_a_kernel_is_the_reason() -> None:
    (reason,) = attention_not_supported_reasons("flash", CPU, torch.float8_e4m3fn, 64)
    assert "flash_attention" in reason
    assert "Float8_e4m3fn" in reason
    assert "Triggered internally" not in reason


def test_nothing_serves_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ATTENTION_BACKENDS:
        reasons = attention_not_supported_reasons(name, CUDA, torch.float16, 64)
        assert reasons == ("there is no CUDA device",)


def test_auto_is_pytorch_on_a_cpu_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve_attention_backend("auto", CPU, torch.float32, 64) == "sdpa"
    assert caplog.messages == []


def test_auto_is_xformers_on_a_gpu_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch, xformers_reasons=())
    assert resolve_attention_backend("auto", CUDA, torch.float16, 64) == "xformers"


def test_auto_falls_back_on_a_gpu_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pretend_gpu(monkeypatch, xformers_reasons=("it is too old", "it is too new"))
    with caplog.at_level(logging.WARNING):
        for head_size in (40, 80, 160):
            assert resolve_attention_backend("auto", CUDA, torch.float16, head_size) == "sdpa"
    assert caplog.messages == [
        "attention: PyTorch computes it on cuda, not xformers: it is too old, it is too new"
    ]


@pytest.mark.parametrize(
    ("capability", "reasons", "expected"),
    [
        ((9, 0), (), "cudnn"),
        ((9, 0), ("its heads are too large",), "xformers"),
        ((8, 9), (), "xformers"),
        ((10, 0), (), "xformers"),
    ],
)
def test_auto_is_cudnn_on_a_hopper_gpu_where_it_serves(
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    reasons: tuple[str, ...],
    expected: str,
) -> None:
    pretend_gpu(monkeypatch, xformers_reasons=(), capability=capability)
    monkeypatch.setattr(backends_module, "_pytorch_reasons", lambda *_: reasons)
    assert resolve_attention_backend("auto", CUDA, torch.float16, 64) == expected


def pretend_gpu(
    monkeypatch: pytest.MonkeyPatch,
    xformers_reasons: tuple[str, ...],
    capability: tuple[int, int] = (8, 9),
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(
        backends_module, "xformers_not_supported_reasons", lambda *_: xformers_reasons
    )


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["cudnn", "flash"])
def test_a_kernel_that_cannot_serve_float32_on_a_gpu_says_why(backend: str) -> None:
    reasons = attention_not_supported_reasons(backend, CUDA, torch.float32, 64)
    assert any("dtype" in reason for reason in reasons)
