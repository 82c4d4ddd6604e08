"""How the native functions are called, with stand-ins for them."""

from __future__ import annotations

import ctypes
import importlib
import logging
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from zeroreal.kernels._operators import INT, POINTER, SIZE, NativeKernel

operators_module = importlib.import_module("zeroreal.kernels._operators")
KERNEL = NativeKernel("scale", (POINTER, INT, SIZE, POINTER))
GPU = torch.device("cuda", 1)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[tuple[object, ...]]]:
    """A function that has every kernel return a status, and gives the calls made."""

    def install(status: int) -> list[tuple[object, ...]]:
        calls: list[tuple[object, ...]] = []

        def function(*arguments: object) -> int:
            calls.append(arguments)
            return status

        monkeypatch.setattr(operators_module, "_function", lambda device, kernel: function)
        return calls

    return install


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of CUDA as a launch asks for."""
    stream = SimpleNamespace(cuda_stream=77)
    library = SimpleNamespace(zeroreal_cuda_error=lambda status: b"status %d" % status)
    unserved: set[torch.device] = set()
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(operators_module, "native_library", lambda device: library)
    monkeypatch.setattr(operators_module, "_unserved_gpus", lambda: unserved)


def test_tensors_are_passed_as_pointers_and_dtypes_as_numbers(
    stand_in: Callable[[int], list[tuple[object, ...]]],
) -> None:
    calls = stand_in(0)
    tensor = torch.zeros(3)
    assert KERNEL(tensor.device, tensor, torch.bfloat16, 3, None)
    assert calls == [(tensor.data_ptr(), 2, 3, None, torch.get_num_threads())]


def test_a_cpu_function_without_memory_raises(
    stand_in: Callable[[int], list[tuple[object, ...]]],
) -> None:
    stand_in(2)
    with pytest.raises(MemoryError, match="scale"):
        KERNEL(torch.device("cpu"))


@pytest.mark.usefixtures("two_gpus")
def test_a_launch_names_the_device_and_its_stream(
    stand_in: Callable[[int], list[tuple[object, ...]]],
) -> None:
    calls = stand_in(0)
    assert KERNEL(GPU, 5)
    assert calls == [(5, 1, 77)]


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("status", [35, 98, 209, 222])
def test_a_gpu_without_code_is_asked_once_and_named_once(
    status: int,
    stand_in: Callable[[int], list[tuple[object, ...]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = stand_in(status)
    assert not KERNEL(GPU)
    assert not KERNEL(GPU)
    assert len(calls) == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"cuda:1, not our kernels: status {status}" in caplog.text
    calls = stand_in(0)
    assert KERNEL(torch.device("cuda", 0)), "the other GPU is asked all the same"
    assert len(calls) == 1


@pytest.mark.usefixtures("two_gpus")
def test_any_other_status_of_a_launch_is_an_error(
    stand_in: Callable[[int], list[tuple[object, ...]]],
) -> None:
    stand_in(700)
    with pytest.raises(RuntimeError, match="scale was not launched on cuda:1: status 700"):
        KERNEL(GPU)


def test_functions_are_declared_with_their_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {f"zeroreal_scale_{device}": SimpleNamespace() for device in ("cpu", "cuda")}
    monkeypatch.setattr(operators_module, "_usable_library", lambda device: functions)
    declare = operators_module._function.__wrapped__
    arguments = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)
    assert declare("cpu", KERNEL).argtypes == (*arguments, ctypes.c_int)
    assert declare("cuda", KERNEL).argtypes == (*arguments, ctypes.c_int, ctypes.c_void_p)
