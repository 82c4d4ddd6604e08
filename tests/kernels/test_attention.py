"""`memory_efficient_attention` against its definition in float64."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels import _xformers
from zeroreal.kernels._attention import (
    ATTENTION_BACKENDS,
    attention_not_supported_reasons,
    memory_efficient_attention,
    memory_efficient_attention_reference,
    resolve_attention_backend,
)

attention_module = importlib.import_module("zeroreal.kernels._attention")

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CPU_BACKENDS = ["auto", "flash", "sdpa", "math"]
TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 2e-6,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}

# (batch, query tokens, key tokens, heads, head size)
SHAPES = [
    (2, 16, 16, 4, 32),
    (3, 7, 5, 3, 20),
    (1, 1, 1, 1, 1),
    (2, 1, 77, 2, 40),
    (1, 65, 33, 1, 160),
    (1, 9, 9, 1, 512),
]

needs_xformers = pytest.mark.skipif(
    importlib.util.find_spec("xformers") is None
    or importlib.util.find_spec("nvidia.cuda_runtime") is None,
    reason="the extra zeroreal[xformers] is not installed",
)


@pytest.fixture(autouse=True)
def _forget_what_serves() -> Iterator[None]:
    """Tests pretend to have other devices and libraries."""
    yield
    attention_not_supported_reasons.cache_clear()
    resolve_attention_backend.cache_clear()
    attention_module._log_fallback.cache_clear()
    _xformers._xformers_operators.cache_clear()


def random_inputs(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, Tensor, Tensor]:
    batch, queries, keys, heads, head_size = shape
    generator = torch.Generator().manual_seed(11)
    sizes = [(batch, tokens, heads * head_size) for tokens in (queries, keys, keys)]
    query, key, value = (torch.randn(size, generator=generator) for size in sizes)
    return (query.to(device, dtype), key.to(device, dtype), value.to(device, dtype))


def expected(
    query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float | None = None
) -> Tensor:
    """The definition, head by head, in float64 and NumPy."""
    q, k, v = (x.double().cpu().numpy() for x in (query, key, value))
    size = q.shape[2] // heads
    out = np.empty_like(q)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        factor = 1 / math.sqrt(size) if scale is None else scale
        scores = np.einsum("bsd,btd->bst", q[..., part], k[..., part]) * factor
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out[..., part] = np.einsum("bst,btd->bsd", weights, v[..., part])
    return torch.from_numpy(out)


def assert_close(actual: Tensor, wanted: Tensor) -> None:
    assert actual.is_contiguous()
    torch.testing.assert_close(actual.double().cpu(), wanted, rtol=0, atol=TOLERANCES[actual.dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_definition(
    shape: tuple[int, int, int, int, int], backend: str, dtype: torch.dtype
) -> None:
    inputs, heads = random_inputs(shape, dtype), shape[3]
    actual = memory_efficient_attention(*inputs, heads, backend=backend)
    assert actual.dtype == dtype
    assert_close(actual, expected(*inputs, heads))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_the_reference_equals_the_definition(dtype: torch.dtype) -> None:
    inputs = random_inputs((3, 7, 5, 3, 20), dtype)
    assert_close(memory_efficient_attention_reference(*inputs, 3), expected(*inputs, 3))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_the_scale_is_followed(backend: str) -> None:
    inputs = random_inputs((2, 6, 4, 2, 8), torch.float32)
    actual = memory_efficient_attention(*inputs, 2, scale=0.9, backend=backend)
    assert_close(actual, expected(*inputs, 2, scale=0.9))


def test_weights_worked_out_by_hand() -> None:
    # Scores 0 and ln 3 give the weights 1/4 and 3/4: 1/4 * 8 + 3/4 * 4 = 5.
    query = torch.ones(1, 1, 1)
    key = torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1)
    value = torch.tensor([8.0, 4.0]).reshape(1, 2, 1)
    for backend in CPU_BACKENDS:
        out = memory_efficient_attention(query, key, value, 1, backend=backend)
        assert out.item() == pytest.approx(5)


@pytest.mark.parametrize(
    "view",
    [
        lambda packed: packed.chunk(3, dim=2),
        lambda packed: [packed.transpose(1, 2)[:, :24] for _ in range(3)],
        lambda packed: [packed[::2, ::3, ::4] for _ in range(3)],
        lambda packed: [packed[:1].expand(5, -1, -1)[..., :24] for _ in range(3)],
    ],
    ids=["packed", "transposed", "stepped", "one-sample"],
)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_strides_are_followed(view: Callable[[Tensor], list[Tensor]], backend: str) -> None:
    packed = torch.randn(4, 24, 72, generator=torch.Generator().manual_seed(3))
    inputs = view(packed)
    actual = memory_efficient_attention(*inputs, 2, backend=backend)
    assert_close(actual, expected(*inputs, 2))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_scores_beyond_the_range_of_half_precision_do_not_overflow(backend: str) -> None:
    query, key, value = random_inputs((1, 4, 4, 1, 64), torch.float16)
    query, key = query.sign() * 60, key.sign() * 60  # 64 * 60 * 60 is over 65504
    actual = memory_efficient_attention(query, key, value, 1, backend=backend)
    assert_close(actual, expected(query, key, value, 1))


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_an_empty_batch_gives_an_empty_batch(backend: str) -> None:
    inputs = random_inputs((0, 4, 6, 2, 8), torch.float32)
    assert memory_efficient_attention(*inputs, 2, backend=backend).shape == (0, 4, 16)
    assert memory_efficient_attention_reference(*inputs, 2).shape == (0, 4, 16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("scale", "backend"), [(None, "auto"), (0.3, "sdpa"), (None, "flash"), (0.3, "math")]
)
def test_the_operator_keeps_its_contract(
    scale: float | None, backend: str, dtype: torch.dtype
) -> None:
    inputs = random_inputs((2, 6, 5, 3, 8), dtype)
    operator = torch.ops.zeroreal.memory_efficient_attention.default
    torch.library.opcheck(operator, (*inputs, 3, scale, backend))


@torch.no_grad()
def test_compiles_into_one_graph_for_any_batch() -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return memory_efficient_attention(query * 2, key, value, 2).relu()

    compiled = torch.compile(attend, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch in (3, 5):
        query, key, value = random_inputs((batch, 6, 5, 2, 8), torch.float32)
        wanted = expected(query * 2, key, value, 2).relu()
        assert_close(compiled(query, key, value), wanted)


def test_a_gradient_is_refused() -> None:
    query, key, value = random_inputs((1, 4, 4, 2, 8), torch.float32)
    query.requires_grad_()
    with pytest.raises(RuntimeError, match=r"has no gradient: call it under torch.no_grad\(\)"):
        memory_efficient_attention(query, key, value, 2)
    with torch.no_grad():
        actual = memory_efficient_attention(query, key, value, 2)
    assert_close(actual, expected(query.detach(), key, value, 2))


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize(
    ("shapes", "heads", "message"),
    [
        ([(1, 2, 2, 8)] * 3, 2, r"must be \[B, S or T, C\], not \(1, 2, 2, 8\)"),
        ([(1, 2, 8), (1, 3, 8), (1, 4, 8)], 2, r"not \(1, 2, 8\), \(1, 3, 8\), \(1, 4, 8\)"),
        ([(2, 2, 8), (1, 3, 8), (1, 3, 8)], 2, "must agree in batch and channels"),
        ([(1, 2, 8), (1, 3, 6), (1, 3, 6)], 2, "must agree in batch and channels"),
        ([(1, 2, 8)] * 3, 3, "8 channels cannot be divided among 3 heads"),
        ([(1, 2, 8)] * 3, 0, "8 channels cannot be divided among 0 heads"),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(
    shapes: list[tuple[int, ...]], heads: int, message: str, fake: bool
) -> None:
    inputs = [torch.zeros(shape) for shape in shapes]
    if fake:
        mode = FakeTensorMode()
        inputs = [mode.from_tensor(x) for x in inputs]
    with pytest.raises(ValueError, match=message):
        memory_efficient_attention(*inputs, heads)


def test_dtypes_that_do_not_go_together_are_refused() -> None:
    single, half, whole = (
        torch.zeros(1, 2, 8, dtype=dtype) for dtype in (torch.float32, torch.float16, torch.int32)
    )
    with pytest.raises(ValueError, match=r"not torch\.float32 on cpu, torch\.float16 on cpu"):
        memory_efficient_attention(single, half, half, 2)
    with pytest.raises(ValueError, match=r"not torch\.int32 on cpu"):
        memory_efficient_attention(whole, whole, whole, 2)


def test_an_unknown_backend_is_named_with_those_that_are_known() -> None:
    inputs = random_inputs((1, 4, 4, 2, 8), torch.float32)
    message = "unknown attention backend 'flsh': known are auto, xformers, cudnn, flash, sdpa, math"
    with pytest.raises(ValueError, match=message):
        memory_efficient_attention(*inputs, 2, backend="flsh")
    with pytest.raises(ValueError, match=message):
        resolve_attention_backend("flsh", CPU, torch.float32, 8)


def test_a_backend_that_cannot_serve_is_refused_with_the_reasons_of_all() -> None:
    inputs = random_inputs((1, 4, 4, 2, 8), torch.float32)
    with pytest.raises(ValueError, match=r"'cudnn' cannot serve torch\.float32") as error:
        memory_efficient_attention(*inputs, 2, backend="cudnn")
    message = str(error.value)
    assert "heads of 8 on cpu" in message
    for name in ("xformers", "cudnn"):
        assert f"{name}: it serves CUDA devices, not cpu" in message
    for name in ("flash", "sdpa", "math"):
        assert f"{name}: serves" in message


def test_what_pytorch_says_against_a_kernel_is_the_reason() -> None:
    (reason,) = attention_not_supported_reasons("flash", CPU, torch.float8_e4m3fn, 64)
    assert "dtype" in reason
    assert "Float8_e4m3fn" in reason
    assert "Triggered internally" not in reason


def test_nothing_serves_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ATTENTION_BACKENDS:
        reasons = attention_not_supported_reasons(name, CUDA, torch.float16, 64)
        assert reasons == ("there is no CUDA device",)


def test_auto_is_pytorch_on_a_cpu_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve_attention_backend("auto", CPU, torch.float32, 64) == "sdpa"
    assert caplog.messages == []


def test_auto_is_xformers_on_a_gpu_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch, xformers_reasons=())
    assert resolve_attention_backend("auto", CUDA, torch.float16, 64) == "xformers"


def test_auto_falls_back_on_a_gpu_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pretend_gpu(monkeypatch, xformers_reasons=("it is too old", "it is too new"))
    with caplog.at_level(logging.WARNING):
        for head_size in (40, 80, 160):
            assert resolve_attention_backend("auto", CUDA, torch.float16, head_size) == "sdpa"
    assert caplog.messages == [
        "attention: PyTorch computes it on cuda, not xformers: it is too old, it is too new"
    ]


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, xformers_reasons: tuple[str, ...]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        attention_module, "xformers_not_supported_reasons", lambda *_: xformers_reasons
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


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("backend", ["auto", *ATTENTION_BACKENDS])
@pytest.mark.parametrize("shape", [(2, 64, 77, 8, 40), (3, 256, 256, 4, 64), (1, 65, 65, 1, 512)])
def test_equals_the_definition_on_a_gpu(
    shape: tuple[int, int, int, int, int], backend: str, dtype: torch.dtype
) -> None:
    inputs, heads, head_size = random_inputs(shape, dtype, "cuda"), shape[3], shape[4]
    if backend != "auto":
        reasons = attention_not_supported_reasons(backend, inputs[0].device, dtype, head_size)
        if reasons:
            pytest.skip(f"{backend}: {', '.join(reasons)}")
    actual = memory_efficient_attention(*inputs, heads, backend=backend)
    assert_close(actual, expected(*inputs, heads))


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["cudnn", "flash"])
def test_a_kernel_that_cannot_serve_float32_on_a_gpu_says_why(backend: str) -> None:
    reasons = attention_not_supported_reasons(backend, CUDA, torch.float32, 64)
    assert any("dtype" in reason for reason in reasons)


@pytest.mark.gpu
def test_runs_inside_a_cuda_graph() -> None:
    query, key, value = random_inputs((2, 64, 77, 8, 40), torch.float16, "cuda")
    memory_efficient_attention(query, key, value, 8)  # warm: chooses the backend
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = memory_efficient_attention(query, key, value, 8)
    query.neg_()
    graph.replay()
    assert_close(out, expected(query, key, value, 8))
