"""ONNX Runtime on a small graph made by hand: what it takes, gives and refuses."""

import sys
from types import SimpleNamespace

import pytest
import torch
from onnx import helper

from zeroreal.base import InputError
from zeroreal.engine import DimensionRange, GraphSpec, OnnxRuntimeEngine, TensorSpec
from zeroreal.engine.onnxruntime.library import (
    PROVIDERS,
    load_cuda_libraries,
    onnxruntime_library,
    provider_not_supported_reasons,
)

CPU = torch.device("cpu")


@pytest.fixture
def affine(tmp_path, write_graph):
    """A graph that gives `values * scale` and `values + 1`."""
    sides = [TensorSpec(name, torch.float32, ("batch", 3)) for name in ("values", "scaled", "next")]
    spec = GraphSpec("affine", (sides[0],), (sides[1], sides[2]))
    nodes = [
        helper.make_node("Mul", ["values", "scale"], ["scaled"]),
        helper.make_node("Add", ["values", "one"], ["next"]),
    ]
    weights = {"scale": torch.tensor([1.0, 10.0, 100.0]), "one": torch.ones(1)}
    return write_graph(tmp_path / "affine.onnx", spec, nodes, weights)


def test_inputs_and_outputs_may_have_any_strides(affine):
    values = torch.arange(12.0).view(3, 4).t()[::2]  # [[0, 4, 8], [2, 6, 10]]
    assert not values.is_contiguous()
    buffer = torch.zeros(3, 2).t()
    found = OnnxRuntimeEngine(affine, CPU)({"values": values}, {"next": buffer})
    assert found["scaled"].tolist() == [[0, 40, 800], [2, 60, 1000]]
    assert found["next"] is buffer
    assert buffer.tolist() == [[1, 5, 9], [3, 7, 11]]
    assert values.tolist() == [[0, 4, 8], [2, 6, 10]]


def test_results_stay_as_they_are_when_the_engine_runs_again(affine):
    engine = OnnxRuntimeEngine(affine, CPU)
    first = engine({"values": torch.ones(2, 3)})["scaled"]
    engine({"values": torch.zeros(2, 3)})
    assert first.tolist() == [[1, 10, 100]] * 2


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"values": torch.zeros(2, 3).half()}, "'values' of affine is torch.float16 (2, 3)"),
        ({"values": torch.zeros(2, 4)}, "'values' of affine has shape (2, 4): 3 is 3 here"),
        ({"values": torch.zeros(3)}, "is torch.float32 (3,): torch.float32 ('batch', 3) is needed"),
        ({"values": torch.zeros(2, 3, device="meta")}, "is on meta: move it to cpu"),
        ({"value": torch.zeros(2, 3)}, "was given the inputs value: it takes values"),
    ],
)
def test_inputs_that_the_graph_does_not_take_get_one_sentence(affine, given, complaint):
    with pytest.raises(InputError) as caught:
        OnnxRuntimeEngine(affine, CPU)(given)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_the_graph_does_not_give_is_refused(affine):
    with pytest.raises(InputError, match="unknown output of affine 'nxt': did you mean 'next'"):
        OnnxRuntimeEngine(affine, CPU)({"values": torch.zeros(2, 3)}, {"nxt": torch.zeros(2, 3)})


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "no weights", "half weights"])
def test_a_damaged_file_gets_one_sentence(affine, damage, lean):
    content, weights = affine.path.read_bytes(), affine.path.with_name("affine.onnx.data")
    if damage == "no weights":
        weights.unlink()
    elif damage == "half weights":
        weights.write_bytes(weights.read_bytes()[:6])
    else:
        damaged = {"truncated": content[:-40], "garbage": b"\xff" * 100, "empty": b""}
        affine.path.write_bytes(damaged[damage])
    with pytest.raises(InputError) as caught:
        OnnxRuntimeEngine(affine, CPU, lean=lean)
    assert "ONNX Runtime cannot load" in str(caught.value)
    assert str(affine.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_provider_that_the_installed_library_lacks_is_explained(affine, monkeypatch):
    monkeypatch.setattr(
        onnxruntime_library(), "get_available_providers", lambda: [PROVIDERS["cpu"]]
    )
    assert provider_not_supported_reasons("cpu") == ()
    with pytest.raises(InputError) as caught:
        OnnxRuntimeEngine(affine, CPU, provider="cuda")
    for part in ("'cuda'", "CUDAExecutionProvider", "CPUExecutionProvider", "'zeroreal[gpu]'"):
        assert part in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_provider_without_its_device_is_explained(monkeypatch):
    every = list(PROVIDERS.values())
    monkeypatch.setattr(onnxruntime_library(), "get_available_providers", lambda: every)
    assert provider_not_supported_reasons("cuda") == ("there is no CUDA device",)


class Session:
    """In the place of one of ONNX Runtime's: on a GPU whose libraries are there or not."""

    loads, made = True, []

    def __init__(self, model, options, providers, enable_fallback):
        assert not enable_fallback
        self.made.append(providers)
        names = [name for name, _ in providers]
        self.used = names if self.loads else [PROVIDERS["cpu"]]

    def get_providers(self):
        return self.used


@pytest.fixture
def with_cuda(monkeypatch):
    """A library built for CUDA, on a GPU; what was called, in order."""
    library, calls = onnxruntime_library(), []
    monkeypatch.setattr(Session, "made", [])
    monkeypatch.setattr(library, "get_available_providers", lambda: list(PROVIDERS.values()))
    monkeypatch.setattr(library, "preload_dlls", lambda: calls.append("preload"))
    monkeypatch.setattr(library, "InferenceSession", Session)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    stream = SimpleNamespace(device_index=0, cuda_stream=7)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    load_cuda_libraries.cache_clear()
    yield calls
    load_cuda_libraries.cache_clear()


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_going_over_to_the_cpu_in_silence_is_refused(affine, with_cuda, monkeypatch, provider):
    OnnxRuntimeEngine(affine, torch.device("cuda"), provider=provider)
    assert with_cuda == ["preload"]
    monkeypatch.setattr(Session, "loads", False)
    with pytest.raises(InputError) as caught:
        OnnxRuntimeEngine(affine, torch.device("cuda"), provider=provider)
    for part in (f"could not load {PROVIDERS[provider]}", "by CPUExecutionProvider", "cuDNN"):
        assert part in str(caught.value)


def test_on_a_gpu_convolutions_are_channels_last_on_our_stream(affine, with_cuda):
    OnnxRuntimeEngine(affine, torch.device("cuda"))
    ((cuda, options), _) = Session.made[-1]
    assert cuda == PROVIDERS["cuda"]
    assert (options["prefer_nhwc"], options["user_compute_stream"]) == ("1", "7")


def test_on_a_cpu_no_cuda_is_loaded(affine, monkeypatch):
    monkeypatch.setattr(
        onnxruntime_library(), "preload_dlls", lambda: pytest.fail("it is loaded"), raising=False
    )
    load_cuda_libraries.cache_clear()
    OnnxRuntimeEngine(affine, CPU)


def test_an_unknown_provider_is_named(affine):
    with pytest.raises(InputError, match="unknown ONNX Runtime provider 'cudaa': did you mean"):
        OnnxRuntimeEngine(affine, CPU, provider="cudaa")


def test_a_missing_onnxruntime_names_the_extra(affine, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'zeroreal\[onnx\]'"):
        OnnxRuntimeEngine(affine, CPU)


def test_without_the_package_onnx_the_graph_runs_as_it_is(affine, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr("zeroreal.engine.onnxruntime.engine.find_spec", lambda name: None)
    found = OnnxRuntimeEngine(affine, CPU)({"values": torch.ones(1, 3)})
    assert found["scaled"].tolist() == [[1, 10, 100]]


def test_sizes_outside_the_profile_are_refused(affine):
    engine = OnnxRuntimeEngine(affine, CPU, profile={"batch": DimensionRange(1, 2, 4)})
    assert engine({"values": torch.ones(4, 3)})["next"].shape == (4, 3)
    with pytest.raises(InputError, match=r"batch 5 is outside .* 1 to 4"):
        engine({"values": torch.ones(5, 3)})
