"""The backends of attention: which can serve what, and which one does."""

from __future__ import annotations

import functools
import logging
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.backends.cuda import SDPAParams, can_use_cudnn_attention, can_use_flash_attention

from ._xformers import xformers_not_supported_reasons

logger = logging.getLogger(__name__)

ATTENTION_BACKENDS = ("xformers", "cudnn", "flash", "sdpa", "math")
"""Every backend that can be asked for by name, besides `auto`."""

_PYTORCH_KERNELS = ("cudnn", "flash")
_cudnn = torch.ops.aten._scaled_dot_product_cudnn_attention.default
_flash = torch.ops.aten._scaled_dot_product_flash_attention.default
_flash_on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default


@functools.cache
def attention_not_supported_reasons(
    backend: str, device: torch.device, dtype: torch.dtype, head_size: int
) -> tuple[str, ...]:
    """Why the backend cannot serve tensors of this kind; an empty tuple means that it can.

    `ValueError` for a backend that is not in `ATTENTION_BACKENDS`.
    """
    check_known(backend)
    if device.type == "cuda" and not torch.cuda.is_available():
        return ("there is no CUDA device",)
    if backend == "xformers":
        return xformers_not_supported_reasons(device, dtype, head_size)
    if backend in _PYTORCH_KERNELS:
        return _pytorch_reasons(backend, device, dtype, head_size)
    return ()


@functools.cache
def resolve_attention_backend(
    backend: str, device: torch.device, dtype: torch.dtype, head_size: int
) -> str:
    """The one of `ATTENTION_BACKENDS` that serves where `backend`, or `auto`, is asked for.

    `ValueError` where it is unknown or cannot serve tensors of this kind, with every reason of
    every backend.
    """
    check_known(backend, ("auto", *ATTENTION_BACKENDS))
    if backend == "auto":
        return _resolve_auto(device, dtype, head_size)
    if attention_not_supported_reasons(backend, device, dtype, head_size):
        raise ValueError(
            f"attention backend {backend!r} cannot serve {dtype} with heads of {head_size} on "
            f"{device}: {_all_reasons(device, dtype, head_size)}; use 'auto' or one that serves"
        )
    return backend


def _all_reasons(device: torch.device, dtype: torch.dtype, head_size: int) -> str:
    reasons = {
        name: attention_not_supported_reasons(name, device, dtype, head_size)
        for name in ATTENTION_BACKENDS
    }
    return "; ".join(f"{name}: {', '.join(why) or 'serves'}" for name, why in reasons.items())


def check_known(backend: str, known: tuple[str, ...] = ATTENTION_BACKENDS) -> None:
    """Raise `ValueError` for a backend that is not in `known`."""
    if backend not in known:
        raise ValueError(f"unknown attention backend {backend!r}: known are {', '.join(known)}")


def _resolve_auto(device: torch.device, dtype: torch.dtype, head_size: int) -> str:
    if device.type != "cuda":
        return "sdpa"
    if _is_hopper(device) and not attention_not_supported_reasons(
        "cudnn", device, dtype, head_size
    ):
        return "cudnn"
    reasons = attention_not_supported_reasons("xformers", device, dtype, head_size)
    if reasons:
        _log_fallback(device, reasons)
    return "sdpa" if reasons else "xformers"


def _is_hopper(device: torch.device) -> bool:
    """There cuDNN uses what xformers' FlashAttention-2 does not (arXiv 2407.08608, figure 5)."""
    return torch.cuda.is_available() and torch.cuda.get_device_capability(device)[0] == 9


@functools.cache
def _log_fallback(device: torch.device, reasons: tuple[str, ...]) -> None:
    """Say it once for each cause."""
    logger.warning(
        "attention: PyTorch computes it on %s, not xformers: %s", device, ", ".join(reasons)
    )


def _pytorch_reasons(
    backend: str, device: torch.device, dtype: torch.dtype, head_size: int
) -> tuple[str, ...]:
    """What PyTorch warns of when it is asked about one kernel, or says when it runs a sample."""
    if backend == "cudnn" and device.type != "cuda":
        return (f"it serves CUDA devices, not {device.type}",)
    sample = torch.zeros(1, 64, 1, head_size, device=device, dtype=dtype)  # [B, S, H, D]
    if device.type == "cuda" and (reasons := _cuda_reasons(backend, sample.transpose(1, 2))):
        return reasons
    try:
        sdpa(sample, sample, sample, None, backend)
    except RuntimeError as error:
        return (str(error),)
    return ()


def _cuda_reasons(backend: str, sample: Tensor) -> tuple[str, ...]:
    can_use = can_use_cudnn_attention if backend == "cudnn" else can_use_flash_attention
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if can_use(SDPAParams(sample, sample, sample, None, 0.0, False, False), True):
            return ()
    texts = (str(warning.message) for warning in warned)
    texts = (text.partition(" (Triggered internally")[0] for text in texts)
    return tuple(texts) or ("PyTorch does not say why",)


def sdpa(query: Tensor, key: Tensor, value: Tensor, scale: float | None, backend: str) -> Tensor:
    """Attention over `[B, S, H, D]` by PyTorch's SDPA, or by the kernel that `backend` names.

    The kernel's own operator is called: to hold SDPA to one (`sdpa_kernel`) would hold it for all
    threads, a trainer's too, whose tensors the kernel may not serve.
    """
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))  # [B, H, S, D]
    if backend == "cudnn":
        out = _cudnn(query, key, value, None, False, 0.0, False, False, scale=scale)[0]
    elif backend == "flash" and query.device.type == "cuda":
        out = _flash_on_cuda(query, key, value, scale)
    elif backend == "flash":
        out = _flash_on_cpu(query, key, value, 0.0, False, scale=scale)[0]
    else:
        out = F.scaled_dot_product_attention(query, key, value, scale=scale)
    result: Tensor = out.transpose(1, 2)
    return result


def _flash_on_cuda(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """As SDPA calls it: with heads of a multiple of 8, of which zeros change nothing."""
    size = query.shape[-1]
    scale = size**-0.5 if scale is None else scale
    query, key, value = (F.pad(x, (0, -size % 8)) for x in (query, key, value))
    out: Tensor = _flash(query, key, value, 0.0, False, False, scale=scale)[0]
    return out[..., :size]
