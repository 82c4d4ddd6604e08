"""The CUDA kernel of `augment` on the CPU."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import EmulatedLibrary, Emulation, barriers_removed
from torch import Tensor

from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_reference import augment_reference

reference_module = importlib.import_module("zeroreal.kernels._augment_reference")
augment_module = importlib.import_module("zeroreal.kernels._augment")

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
PADDINGS = ["edge", "reflect"]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("augment.cu")


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function that computes the reference in float64."""

    def compute(images: Tensor, parameters: Tensor, size: tuple[int, int], padding: str) -> Tensor:
        monkeypatch.setattr(reference_module, "check_augment", lambda *_: None)
        double = parameters.double()
        return run(augment_reference, images, double, size, dtype=torch.float64, padding=padding)

    return compute


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(47, 41), (1, 1), (13, 5)])
def test_equals_the_definition(
    library: EmulatedLibrary,
    size: tuple[int, int],
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
    exact: Callable[..., Tensor],
) -> None:
    images, parameters = random_images(16, 33, 37, channels), random_parameters(16)
    with library.in_place():
        out = run(augment, images, parameters, size, padding=padding)
    wanted = exact(images, parameters, size, padding)
    torch.testing.assert_close(out.double(), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("source", "size"),
    [((33, 37), (47, 41)), ((1, 1), (3, 5)), ((64, 2), (1, 9)), ((28, 28), (32, 32))],
)
def test_equals_the_bits_of_the_cpu(
    library: EmulatedLibrary,
    source: tuple[int, int],
    size: tuple[int, int],
    dtype: torch.dtype,
    channels: int,
    padding: str,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images, parameters = random_images(12, *source, channels), random_parameters(12)
    index = torch.arange(12).flip(0)
    with library.in_place():
        out = run(augment, images, parameters, size, index, dtype, padding)
    assert torch.equal(out, run(augment, images, parameters, size, index, dtype, padding))


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_order_of_blocks_and_threads_changes_nothing(
    library: EmulatedLibrary,
    seed: int,
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images, parameters = random_images(7, 33, 37), random_parameters(7)
    with library.in_place(seed):
        out = run(augment, images, parameters, (40, 31))
    assert torch.equal(out, run(augment, images, parameters, (40, 31)))


def test_an_image_that_is_not_there_becomes_nan_and_is_not_read(
    library: EmulatedLibrary,
    monkeypatch: pytest.MonkeyPatch,
    unchanged: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    monkeypatch.setattr(augment_module, "check_index", lambda *_: None)  # as on CUDA
    images, index = random_images(2, 8, 8), torch.tensor([0, 2, -1, 2**62])
    out = torch.zeros(4, 8, 8, 3).permute(0, 3, 1, 2)
    with library.in_place():
        augment(out, images, index, unchanged(4), [0.5] * 3, [0.5] * 3)
    assert out[0].isfinite().all()
    assert out[1:].isnan().all()


@pytest.mark.parametrize("barrier", range(len(barriers_removed("augment.cu"))))
def test_a_barrier_that_is_taken_out_is_missed(
    emulation: Emulation,
    barrier: int,
    unchanged: Callable[..., Any],
    run: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    library = emulation.library("augment.cu", barriers_removed("augment.cu")[barrier])
    parameters = unchanged(1)
    parameters[:, 18] = 0.5
    with library.in_place(), pytest.raises(RuntimeError, match=r"_kernel<.*(columns|rows)"):
        run(augment, random_images(1, 8, 8), parameters, (8, 8))
