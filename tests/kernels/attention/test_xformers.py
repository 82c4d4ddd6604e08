"""xformers: its reasons, and loading it beside any PyTorch."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels import _xformers

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


needs_xformers = pytest.mark.skipif(
    importlib.util.find_spec("xformers") is None
    or importlib.util.find_spec("nvidia.cuda_runtime") is None,
    reason="the extra zeroreal[xformers] is not installed",
)


def test_xformers_that_is_not_installed_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_xformers.importlib.util, "find_spec", lambda name: None)
    reasons = _xformers.xformers_not_supported_reasons(CUDA, torch.float16, 64)
    assert reasons == ("xformers is not installed (pip install 'zeroreal[xformers]')",)


def test_an_extension_of_xformers_that_does_not_load_is_told_with_its_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failure = RuntimeError("built for another PyTorch")
    failure.__cause__ = OSError("could not load this library")
    failure.__cause__.__cause__ = OSError("libcudart.so.12: cannot open shared object file")
    library = SimpleNamespace(_cpp_library_load_exception=failure)
    monkeypatch.setitem(sys.modules, "xformers._cpp_lib", library)
    monkeypatch.setitem(sys.modules, "xformers.ops", SimpleNamespace())
    monkeypatch.setattr(_xformers.importlib.util, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(_xformers, "load_cuda12_runtime", lambda: None)
    (reason,) = _xformers.xformers_not_supported_reasons(CUDA, torch.float16, 64)
    assert "does not load: libcudart.so.12: cannot open shared object file" in reason
    assert "pip install 'zeroreal[xformers]'" in reason


@needs_xformers
@pytest.mark.parametrize(
    ("capability", "dtype", "head_size", "fragments"),
    [
        ((8, 9), torch.float16, 64, []),
        ((9, 0), torch.float32, 512, []),
        ((7, 5), torch.bfloat16, 64, ["fa2F", "too old", "cutlassF-pt: bf16"]),
        ((12, 0), torch.float32, 64, ["fa2F", "torch.float32", "cutlassF-pt", "too new"]),
        ((8, 0), torch.float16, 41, ["query.shape[-1] % 8 != 0"]),
    ],
)
def test_xformers_gives_the_reasons_of_each_of_its_kernels(
    capability: tuple[int, int],
    dtype: torch.dtype,
    head_size: int,
    fragments: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    with FakeTensorMode():
        reasons = _xformers.xformers_not_supported_reasons(CUDA, dtype, head_size)
    assert bool(reasons) == bool(fragments)
    for fragment in fragments:
        assert fragment in "; ".join(reasons)


# PyTorch from 2.15 on may load the library by itself: it is kept from finding it.
_LOADS_XFORMERS = """
import glob, sys
found = glob.glob
glob.glob = lambda path, **options: [] if "cudart" in path else found(path, **options)
import torch
glob.glob = found
from zeroreal.kernels._attention import memory_efficient_attention

query = torch.ones(1, 2, 8)
memory_efficient_attention(query, query, query, 2)
assert "xformers" not in sys.modules, "imported without a GPU"

from zeroreal.kernels import _xformers
operators, reason = _xformers._xformers_operators()
assert reason is None, reason
torch.ops.xformers._nvcc_build_version()
"""


@needs_xformers
def test_the_extension_of_xformers_loads_beside_any_cuda_version_of_pytorch() -> None:
    command = [sys.executable, "-c", _LOADS_XFORMERS]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
