"""What the kernel benchmark runs: each kernel on inputs of the shapes that generation has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ...kernels import (
    AUGMENT_COLUMNS,
    add_layer_norm,
    add_layer_norm_reference,
    augment,
    augment_reference,
    finish,
    finish_reference,
    geglu,
    geglu_reference,
    group_norm_silu,
    group_norm_silu_reference,
    guided_step,
    guided_step_reference,
    philox_normal,
    philox_normal_reference,
)
from ...kernels._group_norm_silu import TWO_READS, group_norm_silu_native

COEFFICIENTS = 7
GROUPS, EPSILON = 32, 1e-6  # the VAE's
CROP = 0.8


@dataclass(frozen=True)
class Sizes:
    """How large the inputs are."""

    batch: int
    """Images that are generated together."""
    image: int
    """Side in pixels of those; latents have an eighth of it."""
    channels: int
    """Of the VAE's activations at that size."""
    width: int
    """Channels of the UNet's tokens, one for each pixel of the latents."""
    pool: int
    """Images to train on."""
    training_batch: int
    training: int
    """Side in pixels of the images to train on."""
    dtype: torch.dtype
    """Of the models."""
    norms: tuple[tuple[int, int], ...] = ()
    """Channels and side of the UNet's images that are normalised, each in every way there is."""


SIZES = {
    "cuda": Sizes(
        *(16, 512, 128, 320, 4096, 256, 224, torch.bfloat16),
        norms=((320, 64), (640, 64), (640, 32), (1280, 16)),
    ),
    "cpu": Sizes(8, 256, 64, 64, 1024, 64, 224, torch.float32),
}
"""By type of device; on a GPU those of Stable Diffusion."""


@dataclass(frozen=True)
class KernelCase:
    """One kernel with its inputs."""

    shape: str
    """Of the main input, in words."""
    ours: Callable[[], object]
    reference: Callable[[], object]
    """The same in plain PyTorch."""
    read_bytes: int
    """Bytes that have to be read once."""
    others: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """Ours in ways that it would not choose, by name."""


def _finish(sizes: Sizes, device: torch.device) -> KernelCase:
    images = _normal((sizes.batch, 3, sizes.image, sizes.image), sizes.dtype, device)
    images = images.contiguous(memory_format=torch.channels_last)
    side = sizes.training
    return KernelCase(
        f"{_shape(images)} to {side}x{side}",
        lambda: finish(images, side, side),
        lambda: finish_reference(images, side, side),
        images.nbytes,
    )


def _philox_normal(sizes: Sizes, device: torch.device) -> KernelCase:
    seeds, shape = torch.arange(sizes.batch, device=device), _latents(sizes)
    return KernelCase(
        f"{sizes.batch}x{'x'.join(map(str, shape))}",
        lambda: philox_normal(seeds, shape, 0),
        lambda: philox_normal_reference(seeds, shape, 0),
        seeds.nbytes,
    )


def _guided_step(sizes: Sizes, device: torch.device) -> KernelCase:
    batch, shape = sizes.batch, _latents(sizes)
    output = _normal((2 * batch, *shape), sizes.dtype, device)
    latents, history = (_normal((batch, *shape), torch.float32, device) for _ in range(2))
    arguments = (
        output,
        torch.arange(batch, 2 * batch, device=device),  # unconditional
        torch.full((batch,), 7.5, device=device),  # guidance
        latents,
        history,
        torch.full((COEFFICIENTS,), 0.5, device=device),  # with noise
        torch.arange(batch, device=device),  # seeds
        torch.zeros(1, dtype=torch.int64, device=device),  # draw
    )
    return KernelCase(
        _shape(output),
        lambda: guided_step(*arguments),
        lambda: guided_step_reference(*arguments),
        sum(tensor.nbytes for tensor in arguments),
    )


def _group_norm_silu(sizes: Sizes, device: torch.device) -> KernelCase:
    """Of the VAE's largest images, whose groups are too large for shared memory."""
    return _norm((sizes.batch, sizes.channels, sizes.image, sizes.image), sizes.dtype, device)


def _norm(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, **runs: int
) -> KernelCase:
    """`runs`: ways to read the images, of `group_norm_silu_native`, by name."""
    images = _normal(shape, dtype, device).contiguous(memory_format=torch.channels_last)
    weight, bias = (_normal(shape[1:2], dtype, device) for _ in range(2))
    arguments = (images, weight, bias, GROUPS, EPSILON)
    return KernelCase(
        _shape(images),
        lambda: group_norm_silu(*arguments),
        lambda: group_norm_silu_reference(*arguments),
        images.nbytes + weight.nbytes + bias.nbytes,
        {name: partial(group_norm_silu_native, *arguments, run=run) for name, run in runs.items()},
    )


def _geglu(sizes: Sizes, device: torch.device) -> KernelCase:
    """As of the feed-forward layers of the largest latents."""
    projected = _normal((*_tokens(sizes), 8 * sizes.width), sizes.dtype, device)
    return KernelCase(
        _shape(projected),
        lambda: geglu(projected),
        lambda: geglu_reference(projected),
        projected.nbytes,
    )


def _add_layer_norm(sizes: Sizes, device: torch.device) -> KernelCase:
    shape = (*_tokens(sizes), sizes.width)
    values, residual = (_normal(shape, sizes.dtype, device) for _ in range(2))
    weight, bias = (_normal((sizes.width,), sizes.dtype, device) for _ in range(2))
    arguments = (values, residual, weight, bias, EPSILON)
    return KernelCase(
        _shape(values),
        lambda: add_layer_norm(*arguments),
        lambda: add_layer_norm_reference(*arguments),
        values.nbytes + residual.nbytes + weight.nbytes + bias.nbytes,
    )


def _augment(sizes: Sizes, device: torch.device) -> KernelCase:
    """Crops of four fifths of the side, enlarged again, brightened by a tenth."""
    side, batch = sizes.training, sizes.training_batch
    pool = torch.randint(256, (sizes.pool, side, side, 3), dtype=torch.uint8, device=device)
    index = torch.randperm(sizes.pool, device=device)[:batch]
    parameters = torch.zeros(batch, AUGMENT_COLUMNS, device=device)
    parameters[:, [0, 4]] = CROP
    parameters[:, [2, 5]] = side * (1 - CROP) / 2
    parameters[:, [6, 11, 16]] = 1.1
    out = torch.empty((batch, 3, side, side), dtype=sizes.dtype, device=device)
    out = out.contiguous(memory_format=torch.channels_last)
    statistics = ((0.5,) * 3, (0.25,) * 3)

    def by(kernel: Callable[..., None]) -> Tensor:
        kernel(out, pool, index, parameters, *statistics)
        return out

    cropped = 3 * round(side * CROP) ** 2
    return KernelCase(
        f"{batch} of {_shape(pool)} to {_shape(out)}",
        lambda: by(augment),
        lambda: by(augment_reference),
        batch * cropped + index.nbytes + parameters.nbytes,
    )


KERNELS: dict[str, Callable[[Sizes, torch.device], KernelCase]] = {
    "finish": _finish,
    "philox_normal": _philox_normal,
    "guided_step": _guided_step,
    "group_norm_silu": _group_norm_silu,
    "geglu": _geglu,
    "add_layer_norm": _add_layer_norm,
    "augment": _augment,
}


_WAYS = {"ours, two reads": TWO_READS} | {f"ours, runs of {n}": n for n in (1, 2, 4)}


def cases_of(
    kernels: Sequence[str], sizes: Sizes, device: torch.device
) -> Iterator[tuple[str, KernelCase]]:
    """Kernels with their cases, one after another: they may not fit into memory together."""
    for name in kernels:
        yield name, KERNELS[name](sizes, device)
        if name == "group_norm_silu":
            for channels, side in sizes.norms:
                shape = (2 * sizes.batch, channels, side, side)
                yield name, _norm(shape, sizes.dtype, device, **_WAYS)


def _latents(sizes: Sizes) -> tuple[int, int, int]:
    return 4, sizes.image // 8, sizes.image // 8


def _tokens(sizes: Sizes) -> tuple[int, int]:
    """Of latents with guidance: samples, and tokens of each."""
    return 2 * sizes.batch, (sizes.image // 8) ** 2


def _normal(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.randn(shape, device=device).to(dtype)


def _shape(tensor: Tensor) -> str:
    return f"{'x'.join(map(str, tensor.shape))} {str(tensor.dtype).removeprefix('torch.')}"
