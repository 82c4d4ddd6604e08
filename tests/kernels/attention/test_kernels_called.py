"""Backends of PyTorch's are called as operators, which holds no other thread to their kernel."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.backends.cuda import flash_sdp_enabled, math_sdp_enabled, mem_efficient_sdp_enabled
from torch.utils._python_dispatch import TorchDispatchMode

backends_module = importlib.import_module("zeroreal.kernels._attention_backends")

KERNELS = {
    "flash": "aten::_scaled_dot_product_flash_attention",
    "cudnn": "aten::_scaled_dot_product_cudnn_attention",
}


class Calls(TorchDispatchMode):
    """Notes calls of attention, and which kernels SDPA may use in all threads meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.scales: list[float | None] = []
        self.enabled: list[bool] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        options = options or {}
        if "attention" in function.name():
            self.names.append(function.name())
            self.shapes.append(tuple(arguments[0].shape))
            self.scales.append(options.get("scale"))
            self.enabled += [flash_sdp_enabled(), math_sdp_enabled(), mem_efficient_sdp_enabled()]
        return function(*arguments, **options)


def heads_apart(packed: Tensor, heads: int) -> Tensor:
    """[B, S, heads * D] as [B, S, heads, D]."""
    return packed.view(*packed.shape[:2], heads, -1)


def test_no_thread_is_held_to_the_kernel(random_inputs: Callable[..., Any]) -> None:
    inputs = [heads_apart(x, 2) for x in random_inputs((2, 6, 5, 2, 8), torch.float32)]
    with Calls() as calls:
        backends_module.sdpa(*inputs, None, "flash")
    assert calls.names == ["aten::_scaled_dot_product_flash_attention_for_cpu"]
    assert all(calls.enabled)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(("backend", "head_size"), [("flash", 40), ("flash", 36), ("cudnn", 40)])
def test_on_a_gpu_the_named_kernel_is_called(
    backend: str, head_size: int, scale: float | None
) -> None:
    with FakeTensorMode(), Calls() as calls:
        query, key, value = (
            torch.empty(2, tokens, 8, head_size, device="cuda", dtype=torch.float16)
            for tokens in (64, 77, 77)
        )
        out = backends_module.sdpa(query, key, value, scale, backend)
    assert (tuple(out.shape), out.device.type) == ((2, 64, 8, head_size), "cuda")
    assert calls.names == [KERNELS[backend]]
    assert calls.shapes == [(2, 8, 64, 40)]
    expected = scale or (head_size**-0.5 if backend == "flash" else None)
    assert calls.scales == [expected]
    assert all(calls.enabled)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("head_size", [8, 5])
def test_heads_are_filled_up_with_zeros_that_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    head_size: int,
    scale: float | None,
) -> None:
    def flash(*inputs: Any, **options: Any) -> Any:
        query, key, value, dropout, causal, _ = inputs
        assert query.shape[-1] % 8 == 0
        return backends_module._flash_on_cpu(query, key, value, dropout, causal, **options)

    monkeypatch.setattr(backends_module, "_flash", flash)
    packed = random_inputs((2, 6, 5, 3, head_size), torch.float32)
    inputs = [heads_apart(x, 3).transpose(1, 2) for x in packed]
    found = backends_module._flash_on_cuda(*inputs, scale).transpose(1, 2).flatten(2)
    torch.testing.assert_close(found.double(), expected(*packed, 3, scale), rtol=0, atol=2e-6)
