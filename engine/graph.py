"""What a graph takes and gives, and the range of sizes that an engine is built for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError, unknown


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a graph.

    A dimension that varies carries a name instead of a size; an output's may be a multiple of an
    input's: `8*height`.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class GraphSpec:
    """A graph's name, inputs and outputs."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions that vary, each once, in the order in which inputs use them."""
        named = (size for spec in self.inputs for size in spec.shape if isinstance(size, str))
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class DimensionRange:
    """Sizes that a dimension may take, and the one that the engine is tuned for."""

    smallest: int
    best: int
    largest: int

    def __post_init__(self) -> None:
        if not 1 <= self.smallest <= self.best <= self.largest:
            raise InputError(
                f"range {self.smallest}..{self.best}..{self.largest} is not in order: give "
                "smallest, best and largest size, from 1 upwards"
            )


Profile = Mapping[str, DimensionRange]
"""A range for each dimension that varies (an optimisation profile, in TensorRT's words)."""


@dataclass(frozen=True)
class GraphFile:
    """An exported graph on disk: an ONNX file whose weights lie beside it."""

    path: Path
    spec: GraphSpec
    structure_digest: str
    """SHA-256 of the graph without its weights' values: equal for weights that can be swapped."""
    weights_digest: str
    """SHA-256 of the weights."""


def check_inputs(
    spec: GraphSpec,
    inputs: Mapping[str, Tensor],
    device: torch.device,
    profile: Profile,
    remedy: str,
) -> dict[str, int]:
    """The size of every varying dimension; `InputError` if `inputs` are not those of `spec`.

    A dimension outside its range in `profile` is refused with the range and `remedy`; one that
    `profile` does not name may take any size.
    """
    _check_names(spec, inputs)
    sizes: dict[str, int] = {}
    for wanted in spec.inputs:
        given = inputs[wanted.name]
        if not _same(given.device, device):
            raise InputError(
                f"input {wanted.name!r} of {spec.name} is on {given.device}: move it to {device}"
            )
        if given.dtype != wanted.dtype or given.dim() != len(wanted.shape):
            raise InputError(
                f"input {wanted.name!r} of {spec.name} is {given.dtype} {tuple(given.shape)}: "
                f"{wanted.dtype} {wanted.shape} is needed"
            )
        for expected, size in zip(wanted.shape, given.shape, strict=True):
            known = sizes.setdefault(expected, size) if isinstance(expected, str) else expected
            if size != known:
                raise InputError(
                    f"input {wanted.name!r} of {spec.name} has shape {tuple(given.shape)}: "
                    f"{expected} is {known} here, shape {wanted.shape} is needed"
                )
    for name, size in sizes.items():
        if name in profile and not profile[name].smallest <= size <= profile[name].largest:
            raise InputError(
                f"{name} {size} is outside what this engine of {spec.name} was built for, "
                f"{profile[name].smallest} to {profile[name].largest}: {remedy}"
            )
    return sizes


def _same(one: torch.device, other: torch.device) -> bool:
    return (one.type, one.index or 0) == (other.type, other.index or 0)


def _check_names(spec: GraphSpec, given: Iterable[str]) -> None:
    names = {wanted.name for wanted in spec.inputs}
    if names != set(given):
        raise InputError(
            f"{spec.name} was given the inputs {', '.join(sorted(given))}: it takes "
            f"{', '.join(sorted(names))}"
        )


def output_shape(spec: TensorSpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an output once the varying dimensions of the inputs are known."""
    return tuple(_size(size, sizes) for size in spec.shape)


def output_buffers(
    spec: GraphSpec,
    sizes: Mapping[str, int],
    device: torch.device,
    given: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """What an engine writes its outputs to: the caller's tensors if they will do, else new ones.

    Raises `InputError` for an output that the graph does not give.
    """
    for name in given:
        if name not in {output.name for output in spec.outputs}:
            raise unknown(f"output of {spec.name}", name, [o.name for o in spec.outputs])
    return {
        output.name: _buffer(output, output_shape(output, sizes), device, given.get(output.name))
        for output in spec.outputs
    }


def _buffer(
    spec: TensorSpec, shape: tuple[int, ...], device: torch.device, given: Tensor | None
) -> Tensor:
    if (
        given is not None
        and _same(given.device, device)
        and given.dtype == spec.dtype
        and given.shape == shape
        and given.is_contiguous()
    ):
        return given
    return torch.empty(shape, dtype=spec.dtype, device=device)


def _size(size: int | str, sizes: Mapping[str, int]) -> int:
    if isinstance(size, int):
        return size
    factor, times, name = size.rpartition("*")
    return sizes[name] * int(factor) if times else sizes[name]
