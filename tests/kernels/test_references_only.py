"""Having PyTorch compute what our kernels would."""

import threading

import pytest
import torch

from zeroreal.kernels import native_library_status, philox_normal, references_only
from zeroreal.kernels._operators import NativeKernel

SEEDS = torch.arange(4)


@pytest.fixture
def native_calls(monkeypatch):
    """Whether each call of a kernel was computed natively."""
    calls = []
    plain = NativeKernel.__call__

    def call(self, *arguments):
        calls.append(plain(self, *arguments))
        return calls[-1]

    monkeypatch.setattr(NativeKernel, "__call__", call)
    return calls


@pytest.fixture(autouse=True)
def _library():
    if not native_library_status()["cpu"].loaded:
        pytest.skip("the native library is not built")


def test_inside_pytorch_computes_and_after_it_the_kernels_again(native_calls):
    ours = philox_normal(SEEDS, (8,))
    with references_only():
        reference = philox_normal(SEEDS, (8,))
    philox_normal(SEEDS, (8,))
    assert native_calls == [True, False, True]
    torch.testing.assert_close(ours, reference, atol=1e-5, rtol=1e-5)


def test_an_error_inside_ends_it(native_calls):
    with pytest.raises(ZeroDivisionError), references_only():
        1 / 0  # noqa: B018
    philox_normal(SEEDS, (8,))
    assert native_calls == [True]


def test_other_threads_keep_their_kernels(native_calls):
    with references_only():
        thread = threading.Thread(target=philox_normal, args=(SEEDS, (8,)))
        thread.start()
        thread.join()
    assert native_calls == [True]
