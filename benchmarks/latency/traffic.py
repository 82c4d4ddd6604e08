"""Bytes that a model moves, counted on shapes alone.

Every operator reads its inputs from memory and writes its results there, as when PyTorch runs them
one by one: views are free, attention is one operator whose scores stay inside, weights are read
once a call whatever the batch, and caches keep nothing. Fused engines move less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..generation.flops import parts_of

_ALLOCATES = ("aten::empty", "aten::new_empty", "aten::empty_like", "aten::empty_strided")


@dataclass(frozen=True)
class Traffic:
    """Values that a part of a model moves; times the size of one they are bytes."""

    weights: int
    """Read in each call."""
    activations: int
    """Read and written for each row of the batch."""

    def of(self, calls: float, rows: float, itemsize: int) -> float:
        """Bytes of that many calls with that many rows in all."""
        return itemsize * (calls * self.weights + rows * self.activations)


def count_traffic(folder: Path, generate_size: tuple[int, int]) -> dict[str, Traffic]:
    """Of each part of the model in a folder, by the names of `ModelFlops`; reads no weights."""
    with parts_of(folder, generate_size) as parts:
        return {
            name: traffic_of(
                part.forward, [one for module in part.modules for one in module.parameters()]
            )
            for name, part in parts.items()
        }


def traffic_of(forward: Callable[[], object], weights: Iterable[Tensor]) -> Traffic:
    """What `forward`, on meta tensors of one type and a batch of 1, reads and writes."""
    counter = _Counter(weights)
    with torch.no_grad(), counter, _WholeAttention(counter):
        forward()
    return Traffic(counter.weights, counter.activations)


class _Counter(TorchDispatchMode):
    """Counts the values of each operator's inputs and results."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._of_weights = {_storage(one) for one in weights}
        self.weights = self.activations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operator, and count."""
        result = func(*args, **(kwargs or {}))
        inputs, results = list(_tensors((args, kwargs))), list(_tensors(result))
        if func.name().startswith(_ALLOCATES) or _is_view(func, inputs, results):
            return result
        # Of a table, only the rows that are looked up are read.
        self.count(results if func.name() == "aten::embedding" else inputs)
        self.count(results)
        return result

    def count(self, tensors: Iterable[Tensor]) -> None:
        """Add the values of tensors that are read or written."""
        for one in tensors:
            if _storage(one) in self._of_weights:
                self.weights += _values(one)
            else:
                self.activations += _values(one)


class _WholeAttention(TorchFunctionMode):
    """Counts attention as one operator: on meta tensors it is taken to pieces otherwise."""

    def __init__(self, counter: _Counter) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run whatever it is."""
        if func is not scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        given = dict(zip(("query", "key", "value"), args, strict=False)) | dict(kwargs or {})
        query, value = given["query"], given["value"]
        result = query.new_empty(*query.shape[:-1], value.shape[-1])
        self._counter.count((query, given["key"], value, result))
        return result


def _is_view(func: Any, inputs: list[Tensor], results: list[Tensor]) -> bool:
    """Whether the results are the inputs' memory, with nothing written to it."""
    if func._schema.is_mutable or not results:
        return False
    known = {_storage(one) for one in inputs}
    return all(_storage(one) in known for one in results)


def _tensors(tree: object) -> Iterator[Tensor]:
    return (one for one in tree_leaves(tree) if isinstance(one, Tensor))


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _values(tensor: Tensor) -> int:
    """Of what lies in memory: an expanded tensor's lies there once."""
    return min(tensor.numel(), tensor.untyped_storage().nbytes() // tensor.itemsize)
