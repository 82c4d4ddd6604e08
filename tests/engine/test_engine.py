"""Devices, precisions and engine states as this machine has them."""

import sys

import onnxruntime
import pytest
import torch
import torch._inductor.config

from zeroreal.base import (
    InputError,
    describe_device,
    describe_environment,
    peak_memory_bytes,
    resolve_device,
    resolve_precision,
    unknown,
)
from zeroreal.engine import EngineStatus, engine_statuses
from zeroreal.engine.onnxruntime.library import PROVIDERS
from zeroreal.export import parse_engine

CPU = torch.device("cpu")


def test_auto_is_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("cpuu", "did you mean 'cpu'"), ("cuda:99", "is not on this machine"), ("meta", "unknown")],
)
def test_unusable_devices_get_one_sentence(name, complaint):
    with pytest.raises(InputError, match=complaint):
        resolve_device(name)


def test_precisions_go_by_name():
    assert resolve_precision("fp32", CPU) is torch.float32
    assert resolve_precision("bf16", CPU) is torch.bfloat16
    assert resolve_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(InputError, match="did you mean 'bf16'"):
        resolve_precision("bf61", CPU)


def test_auto_is_bf16_only_where_the_cpu_has_it(monkeypatch):
    from zeroreal.base import device

    for flags, expected in (("sse avx2", torch.float32), ("sse avx512_bf16", torch.bfloat16)):
        monkeypatch.setattr(device, "_cpu_fields", lambda flags=flags: {"flags": flags})
        assert resolve_precision("auto", CPU) is expected


def test_peak_memory_is_that_of_the_process_in_bytes():
    assert 50e6 < peak_memory_bytes(CPU) < 100e9
    before = peak_memory_bytes(CPU)
    block = torch.ones(400_000_000, dtype=torch.uint8)
    assert peak_memory_bytes(CPU) >= min(before + 1, len(block))


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


def test_the_environment_names_what_decides_a_figure():
    found = describe_environment(CPU)
    assert found["torch"] == torch.__version__
    assert describe_device(CPU) == found["device"]
    assert {"python", "system", "zeroreal", "diffusers", "timm"} <= set(found)


def test_unknown_names_suggest_the_nearest_and_list_what_exists():
    message = str(unknown("fruit", "aple", ["apple", "pear"]))
    assert message == "unknown fruit 'aple': did you mean 'apple'? known are apple, pear"
    assert "did you mean" not in str(unknown("fruit", "xyz", ["apple", "pear"]))
    many = str(unknown("number", "7", map(str, range(1000, 2000))))
    assert many.endswith(", ...")
    assert "1007, 1017" in many, "of many, those that hold the name"
