"""Inputs and outputs as TensorRT sees them, against those of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base.aligned_rows import ALIGNMENT
from ...base.errors import InputError
from ..graph import TensorSpec

__all__ = ["Found", "check_tensors", "is_aligned", "torch_dtype"]

_DTYPES = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "BF16": torch.bfloat16,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "UINT8": torch.uint8,
    "INT8": torch.int8,
    "BOOL": torch.bool,
}

Found = Mapping[str, tuple[torch.dtype | None, tuple[int, ...]]]
"""Type and shape by name; -1 varies."""


def torch_dtype(dtype: Any) -> torch.dtype | None:
    """PyTorch's name for a `DataType`; None for those that it has no tensors of."""
    return _DTYPES.get(dtype.name)


def is_aligned(tensor: Tensor) -> bool:
    """Whether `tensor` begins where TensorRT wants it, in memory that PyTorch allocated."""
    return bool(tensor.storage_offset() * tensor.itemsize % ALIGNMENT == 0)


def check_tensors(place: str, wanted: Sequence[TensorSpec], found: Found) -> None:
    """Raise `InputError` unless `place` has exactly the tensors `wanted`."""
    if {spec.name for spec in wanted} != set(found):
        raise InputError(
            f"{place} has the tensors {', '.join(sorted(found)) or 'none'}, not "
            f"{', '.join(sorted(spec.name for spec in wanted))}: export the model again"
        )
    for spec in wanted:
        dtype, shape = found[spec.name]
        if dtype != spec.dtype or not _fits(shape, spec.shape):
            raise InputError(
                f"{spec.name!r} in {place} is {dtype} {shape}, not {spec.dtype} {spec.shape}: "
                "export the model again"
            )


def _fits(shape: Sequence[int], wanted: Sequence[int | str]) -> bool:
    """Whether sizes agree: what varies does so in both, and TensorRT may not know what does not."""
    return len(shape) == len(wanted) and all(
        found == -1 or found == expected for found, expected in zip(shape, wanted, strict=True)
    )
