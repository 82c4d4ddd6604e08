"""Group normalisation in ONNX Runtime on a CPU, against PyTorch's."""

import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import helper

from zeroreal.engine import GraphSpec, OnnxRuntimeEngine, TensorSpec
from zeroreal.engine.onnxruntime.for_cpu import for_cpu

CPU = torch.device("cpu")
CHANNELS, GROUPS, EPSILON = 6, 3, 1e-3


def scale_and_bias():
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, CHANNELS, generator=random).unbind(0)


@pytest.fixture
def normalize(tmp_path, write_graph):
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
        return write_graph(tmp_path / "normalize.onnx", spec, [node], weights)

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
