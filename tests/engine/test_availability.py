"""Which engines this machine has, and why not others."""

import sys

import onnxruntime
import pytest
import torch
import torch._inductor.config

from zeroreal.engine import EngineStatus, engine_statuses
from zeroreal.engine.onnxruntime.library import PROVIDERS
from zeroreal.export import parse_engine

CPU = torch.device("cpu")


def test_every_engine_has_a_state_under_the_name_that_asks_for_it():
    statuses = engine_statuses(CPU)
    names = ["torch", "torch:compiled", *(f"onnxruntime:{name}" for name in PROVIDERS), "tensorrt"]
    assert [status.name for status in statuses] == names
    assert all(":".join(filter(None, parse_engine(name))) == name for name in names)
    assert all(status.usable != bool(status.not_supported_reasons) for status in statuses)


def test_a_cpu_is_served_by_torch_and_onnx_runtime_alone():
    statuses = {status.name: status for status in engine_statuses(CPU)}
    assert statuses["torch"] == EngineStatus("torch", torch.__version__, ())
    assert statuses["onnxruntime:cpu"].usable
    assert statuses["onnxruntime:cpu"].version == onnxruntime.__version__
    for name in ("onnxruntime:cuda", "onnxruntime:tensorrt", "tensorrt"):
        assert not statuses[name].usable
        assert all(reason for reason in statuses[name].not_supported_reasons)


@pytest.mark.parametrize(
    ("missing", "engines", "extra"),
    [
        (["onnxruntime"], ["onnxruntime:cpu", "onnxruntime:cuda"], "zeroreal[onnx]"),
        (["tensorrt", "tensorrt_rtx"], ["tensorrt"], "zeroreal[tensorrt-rtx]"),
    ],
)
def test_an_engine_without_its_library_names_the_extra(monkeypatch, missing, engines, extra):
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    statuses = {status.name: status for status in engine_statuses(CPU)}
    for name in engines:
        (reason,) = statuses[name].not_supported_reasons
        assert statuses[name].version is None
        assert f"pip install '{extra}'" in reason
    assert statuses["torch"].usable


def test_compiling_without_a_compiler_is_explained():
    with torch._inductor.config.patch("cpp.cxx", ("no-such-compiler",)):
        statuses = {status.name: status for status in engine_statuses(CPU)}
    assert "install g++" in "".join(statuses["torch:compiled"].not_supported_reasons)
