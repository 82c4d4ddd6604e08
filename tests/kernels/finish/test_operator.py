"""`finish` as an operator, with the native library and without."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels import finish, finish_reference, native_library_status

native_module = importlib.import_module("zeroreal.kernels._native")


operators_module = importlib.import_module("zeroreal.kernels._operators")


def test_the_native_library_is_in_use() -> None:
    status = native_library_status()["cpu"]
    assert status.loaded, status.reason
    assert status.reason is None


@pytest.mark.parametrize("function", [finish, finish_reference])
@pytest.mark.parametrize(
    ("images", "size", "message"),
    [
        (torch.zeros(3, 8, 8), (4, 4), r"must be \[B, C, H, W\]"),
        (torch.zeros(1, 2, 8, 8), (4, 4), "1, 3 or 4 channels, not 2"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), (4, 4), "not torch.float64"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), (4, 4), "not torch.uint8"),
        (torch.zeros(1, 3, 8, 8), (0, 4), "8x8 to 0x4: sides must be 1 to 65535"),
        (torch.zeros(1, 3, 8, 8), (4, -1), "8x8 to 4x-1"),
        (torch.zeros(1, 3, 8, 8), (4, 65536), "8x8 to 4x65536"),
        (torch.zeros(1, 3, 0, 8), (4, 4), "0x8 to 4x4"),
    ],
)
def test_what_cannot_be_finished_is_refused(
    function: Callable[..., object], images: Tensor, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(images, *size)


def test_the_operator_is_well_formed(random_images: Callable[..., Any]) -> None:
    operator = torch.ops.zeroreal.finish.default
    for images in (random_images((2, 3, 9, 7), torch.float32), torch.ones(1, 1, 4, 4).half()):
        torch.library.opcheck(operator, (images, 5, 4))


def test_fake_and_meta_tensors_give_shapes_only() -> None:
    with FakeTensorMode():
        fake = finish(torch.empty(2, 3, 64, 64, dtype=torch.float16), 32, 24)
    meta = finish(torch.empty(2, 3, 64, 64, device="meta"), 32, 24)
    for pixels, statistics in (fake, meta):
        assert pixels.shape == (2, 32, 24, 3)
        assert pixels.dtype == torch.uint8
        assert pixels.is_contiguous()
        assert statistics.shape == (2, 3, 4)
        assert statistics.dtype == torch.float32


def test_torch_compile_keeps_it_in_one_graph(random_images: Callable[..., Any]) -> None:
    def decode(images: Tensor) -> Tensor:
        return finish(images * 2, 8, 8)[0].permute(0, 3, 1, 2)

    images = random_images((2, 3, 16, 16), torch.float32)
    compiled = torch.compile(decode, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(images), decode(images))


@pytest.fixture
def library_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands for the installed package: nothing native in it."""

    def forget() -> None:
        native_module._load.cache_clear()
        operators_module._usable_library.cache_clear()
        operators_module._function.cache_clear()

    monkeypatch.setattr(native_module, "_package_folders", lambda: [tmp_path])
    forget()
    yield tmp_path
    forget()


def test_without_the_library_pytorch_computes_it_and_says_so_once(
    library_folder: Path,
    caplog: pytest.LogCaptureFixture,
    expected: Callable[..., Any],
    pixels_of: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = random_images((2, 3, 33, 17), torch.float32)
    with caplog.at_level(logging.WARNING, logger="zeroreal.kernels"):
        for _ in range(2):
            assert torch.equal(pixels_of(images, 7, 5), expected(images, (7, 5)))
    assert len(caplog.records) == 1
    assert "was not built" in caplog.text
    status = native_library_status()["cpu"]
    assert not status.loaded
    assert str(library_folder) in str(status.reason)


def test_a_library_that_does_not_load_is_named(library_folder: Path) -> None:
    path = library_folder / native_module._file_name("zeroreal_kernels")
    path.write_bytes(b"not a library")
    status = native_library_status()["cpu"]
    assert not status.loaded
    assert f"{path} does not load" in str(status.reason)
