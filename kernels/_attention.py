"""`memory_efficient_attention`: one operator for attention, by a backend chosen by name.

The operator is `zeroreal::memory_efficient_attention(Tensor query, Tensor key, Tensor value,
int heads, float? scale=None, str backend="auto") -> Tensor`, without a gradient. Heads lie side by
side in the last dimension, as the projections around it give and take them.

| backend | computes with |
| --- | --- |
| `xformers` | xformers: flash attention or CUTLASS, on CUDA |
| `cudnn` | cuDNN, as PyTorch calls it, on CUDA |
| `flash` | PyTorch's flash attention |
| `sdpa` | PyTorch's SDPA, by whichever kernel PyTorch prefers |
| `math` | `memory_efficient_attention_reference` |

On CUDA `auto` is xformers where it can serve, and before it cuDNN on GPUs of compute capability 9;
else it is `sdpa`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import torch
from torch import Tensor

from ._attention_backends import (
    ATTENTION_BACKENDS,
    check_known,
    resolve_attention_backend,
    sdpa,
)
from ._xformers import load_cuda12_runtime, xformers_attention

__all__ = ["memory_efficient_attention", "memory_efficient_attention_reference"]


def memory_efficient_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    scale: float | None = None,
    backend: str = "auto",
) -> Tensor:
    """Multi-head attention, softmax(query keyᵀ scale) value for every head (arXiv 1706.03762).

    Args:
        query: [B, S, heads * D], floating point; any strides.
        key: [B, T, heads * D], of the same dtype and on the same device.
        value: [B, T, heads * D], likewise.
        heads: the number of heads, side by side in the last dimension.
        scale: factor of the scores before the softmax; by default 1 / sqrt(D).
        backend: `auto` or one of `ATTENTION_BACKENDS`.

    Returns:
        [B, S, heads * D] of the same dtype, contiguous.

    Raises:
        ValueError: for shapes, dtypes or devices that do not go together, and for a backend that is
            unknown or cannot serve, with every reason of every backend.
        RuntimeError: where a gradient would be needed: there is none.
    """
    result: Tensor = torch.ops.zeroreal.memory_efficient_attention.default(
        query, key, value, heads, scale, backend
    )
    return result


def memory_efficient_attention_reference(
    query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float | None = None
) -> Tensor:
    """The same as `memory_efficient_attention` in plain PyTorch operations; see there.

    Half precision is computed in float32. The scores, [B, heads, S, T], are held at once.
    """
    _check_inputs(query, key, value, heads)
    dtype = torch.promote_types(query.dtype, torch.float32)
    q, k, v = (_split(x.to(dtype), heads).transpose(1, 2) for x in (query, key, value))
    scores = q @ k.transpose(2, 3) * (q.shape[-1] ** -0.5 if scale is None else scale)
    out = scores.softmax(-1) @ v  # [B, heads, S, D]
    return out.transpose(1, 2).flatten(2).to(query.dtype)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    scale: float | None = None,
    backend: str = "auto",
) -> Tensor:
    _check_inputs(query, key, value, heads)
    if query.numel() == 0:
        return query.new_empty(query.shape)
    head_size = query.shape[2] // heads
    chosen = resolve_attention_backend(backend, query.device, query.dtype, head_size)
    if chosen == "math":
        return memory_efficient_attention_reference(query, key, value, heads, scale)
    query, key, value = (_split(x, heads) for x in (query, key, value))
    if chosen == "xformers":
        return xformers_attention(query, key, value, scale).flatten(2).contiguous()
    return sdpa(query, key, value, scale, chosen).flatten(2).contiguous()


def _split(packed: Tensor, heads: int) -> Tensor:
    """[B, S, heads * D] as [B, S, heads, D] whose last dimension is contiguous."""
    dense = packed if packed.stride(2) == 1 else packed.contiguous()
    return dense.view(*packed.shape[:2], heads, packed.shape[2] // heads)


def _empty_output(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    scale: float | None = None,
    backend: str = "auto",
) -> Tensor:
    """The fake implementation: what the output is like."""
    check_known(backend, ("auto", *ATTENTION_BACKENDS))
    _check_inputs(query, key, value, heads)
    return query.new_empty(query.shape)


def _check_inputs(query: Tensor, key: Tensor, value: Tensor, heads: int) -> None:
    given = (query, key, value)
    if query.dim() != 3 or key.dim() != 3 or key.shape != value.shape:
        raise ValueError(f"query, key and value must be [B, S or T, C], not {_shapes(given)}")
    if query.shape[0] != key.shape[0] or query.shape[2] != key.shape[2]:
        raise ValueError(f"query and key must agree in batch and channels, not {_shapes(given)}")
    if heads < 1 or query.shape[2] % heads:
        raise ValueError(f"{query.shape[2]} channels cannot be divided among {heads} heads")
    if len({(x.dtype, x.device) for x in given}) > 1 or not query.is_floating_point():
        kinds = ", ".join(f"{x.dtype} on {x.device}" for x in given)
        raise ValueError(f"query, key and value must be floating and alike, not {kinds}")


def _shapes(tensors: Iterable[Tensor]) -> str:
    return ", ".join(str(tuple(x.shape)) for x in tensors)


def _refuse_gradient(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> NoReturn:
    """As the one that sets up a context for the backward pass, it is called in the forward pass."""
    raise RuntimeError(
        "memory_efficient_attention has no gradient: call it under torch.no_grad() or "
        "torch.inference_mode(), or on tensors that need none"
    )


# diffusers imports xformers with its attention layers, and comes after this module.
load_cuda12_runtime()

_operators = torch.library.Library("zeroreal", "FRAGMENT")
_operators.define(
    "memory_efficient_attention(Tensor query, Tensor key, Tensor value, int heads, "
    'float? scale=None, str backend="auto") -> Tensor',
    tags=(torch.Tag.pt2_compliant_tag,),
)
_operators.impl("memory_efficient_attention", _attention, "CompositeExplicitAutograd")
torch.library.register_fake("zeroreal::memory_efficient_attention", _empty_output, lib=_operators)
torch.library.register_autograd(
    "zeroreal::memory_efficient_attention",
    _refuse_gradient,
    setup_context=_refuse_gradient,
    lib=_operators,
)
