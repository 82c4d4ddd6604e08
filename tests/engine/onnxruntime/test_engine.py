"""ONNX Runtime on small graphs made by hand, against PyTorch's operators."""

import sys

import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from zeroreal.base import InputError
from zeroreal.engine import DimensionRange, GraphFile, GraphSpec, OnnxRuntimeEngine, TensorSpec
from zeroreal.engine.onnxruntime.for_cpu import for_cpu
from zeroreal.engine.onnxruntime.library import (
    PROVIDERS,
    onnxruntime_library,
    provider_not_supported_reasons,
)

CPU = torch.device("cpu")
CHANNELS, GROUPS, EPSILON = 6, 3, 1e-3


def scale_and_bias():
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, CHANNELS, generator=random).unbind(0)


def write(path, spec, nodes, weights):
    """Save the graph of `spec`, its weights beside it, and say what an engine must know of it."""
    kinds = {torch.float32: TensorProto.FLOAT, torch.float16: TensorProto.FLOAT16}
    described = [
        [helper.make_tensor_value_info(t.name, kinds[t.dtype], t.shape) for t in side]
        for side in (spec.inputs, spec.outputs)
    ]
    initializers = [numpy_helper.from_array(t.numpy(), name) for name, t in weights.items()]
    graph = helper.make_graph(nodes, spec.name, *described, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    data = {"save_as_external_data": True, "location": f"{path.name}.data", "size_threshold": 0}
    onnx.save(model, path, **data)
    return GraphFile(path, spec, "structure", "weights")


@pytest.fixture
def normalize(tmp_path):
    """A function that writes a graph of one group normalisation over tensors of a shape."""

    def make(*shape, dtype=torch.float32, **settings):
        sides = [TensorSpec(name, dtype, shape) for name in ("images", "normalized")]
        spec = GraphSpec("normalize", (sides[0],), (sides[1],))
        node = helper.make_node(
            "GroupNormalization",
            ["images", "scale", "bias"],
            ["normalized"],
            num_groups=GROUPS,
            **settings,
        )
        scale, bias = (tensor.to(dtype) for tensor in scale_and_bias())
        weights = {"scale": scale, "bias": bias}
        return write(tmp_path / "normalize.onnx", spec, [node], weights)

    return make


@pytest.mark.parametrize("places", [(5, 7), (1, 1), (64,), (3, 2, 4)])
@pytest.mark.parametrize("batch", [1, 4])
def test_group_normalization_equals_that_of_pytorch(normalize, batch, places):
    names = [f"side_{number}" for number in range(len(places))]
    graph = normalize("batch", CHANNELS, *names, epsilon=EPSILON)
    images = 3 + 2 * torch.randn(
        batch, CHANNELS, *places, generator=torch.Generator().manual_seed(1)
    )
    found = OnnxRuntimeEngine(graph, CPU)({"images": images})["normalized"]
    expected = F.group_norm(images, GROUPS, *scale_and_bias(), EPSILON)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_the_epsilon_that_onnx_defaults_to_is_meant_where_none_is_given(normalize):
    images = 1e-3 * torch.randn(2, CHANNELS, 4, 4, generator=torch.Generator().manual_seed(1))
    found = OnnxRuntimeEngine(normalize(2, CHANNELS, 4, 4), CPU)({"images": images})
    expected = F.group_norm(images, GROUPS, *scale_and_bias(), 1e-5)
    torch.testing.assert_close(found["normalized"], expected, rtol=1e-4, atol=1e-5)


def test_an_exported_graph_holds_no_group_normalization_on_a_cpu(tiny_export):
    path = tiny_export("sd15", "fp32").graphs["vae_decoder"].file.path
    stored, run = (
        [node.op_type for node in model.graph.node]
        for model in (
            onnx.load(path, load_external_data=False),
            onnx.load_from_string(for_cpu(path)),
        )
    )
    count = stored.count("GroupNormalization")
    assert count > 0
    assert run.count("GroupNormalization") == 0
    assert run.count("InstanceNormalization") == count


def test_group_normalization_in_half_precision_is_left_as_it_is(normalize):
    graph = normalize(2, CHANNELS, 4, 4, dtype=torch.float16)
    model = onnx.load_from_string(for_cpu(graph.path))
    assert [node.op_type for node in model.graph.node] == ["GroupNormalization"]


@pytest.fixture
def affine(tmp_path):
    """A graph that gives `values * scale` and `values + 1`."""
    sides = [TensorSpec(name, torch.float32, ("batch", 3)) for name in ("values", "scaled", "next")]
    spec = GraphSpec("affine", (sides[0],), (sides[1], sides[2]))
    nodes = [
        helper.make_node("Mul", ["values", "scale"], ["scaled"]),
        helper.make_node("Add", ["values", "one"], ["next"]),
    ]
    weights = {"scale": torch.tensor([1.0, 10.0, 100.0]), "one": torch.ones(1)}
    return write(tmp_path / "affine.onnx", spec, nodes, weights)


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
