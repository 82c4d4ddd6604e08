"""Attention as ONNX, against PyTorch: in ONNX Runtime, as a graph, and in TensorRT."""

from __future__ import annotations

import importlib.util

import onnx
import onnxruntime
import pytest
import torch
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor2_0,
)
from torch import Tensor, nn

from zeroreal.export.graphs.attention_processor import MemoryEfficientAttnProcessor
from zeroreal.export.onnx.onnx_attention import TRANSLATIONS


def seeded(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def assert_same(actual: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-5)


class CrossAttention(nn.Module):
    """An attention layer whose queries and keys are of different number."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = Attention(64, cross_attention_dim=24, heads=2, dim_head=32).to(dtype)
        self.layer.set_processor(MemoryEfficientAttnProcessor())
        self.eval()

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        out: Tensor = self.layer(tokens, context)
        return out


def export(module: nn.Module, *inputs: Tensor) -> onnx.ModelProto:
    batch = torch.export.Dim("batch")
    with torch.no_grad():
        program = torch.onnx.export(
            module,
            inputs,
            dynamo=True,
            opset_version=23,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            custom_translation_table=TRANSLATIONS,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@torch.no_grad()
def test_onnx_runtime_computes_the_exported_attention() -> None:
    module = CrossAttention()
    model = export(module, seeded(2, 9, 64), seeded(2, 5, 24))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for batch in (1, 4):
        inputs = (seeded(batch, 9, 64), seeded(batch, 5, 24))
        names = [value.name for value in session.get_inputs()]
        feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        wanted = AttnProcessor2_0()(module.layer, *inputs)
        assert_same(torch.from_numpy(session.run(None, feed)[0]), wanted)


def test_exported_attention_is_one_node_with_its_scale_and_nothing_to_reorder() -> None:
    model = export(CrossAttention(), seeded(2, 9, 64), seeded(2, 5, 24))
    kinds = [node.op_type for node in model.graph.node]
    assert sorted(set(kinds)) == ["Add", "Attention", "MatMul"]
    (node,) = (node for node in model.graph.node if node.op_type == "Attention")
    attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert attributes["q_num_heads"] == attributes["kv_num_heads"] == 2
    assert attributes["scale"] == pytest.approx(32**-0.5)
    assert len(node.output) == 1


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="the extra zeroreal[tensorrt-rtx] is not installed",
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_tensorrt_fuses_the_exported_attention(dtype: torch.dtype) -> None:
    import tensorrt_rtx as trt

    model = export(CrossAttention(dtype), seeded(2, 9, 64).to(dtype), seeded(2, 5, 24).to(dtype))
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(0)
    assert trt.OnnxParser(network, builder.logger).parse(model.SerializeToString())
    kinds = [network.get_layer(number).type for number in range(network.num_layers)]
    assert kinds.count(trt.LayerType.ATTENTION_INPUT) == 1
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    profile = builder.create_optimization_profile()
    for given in (network.get_input(number) for number in range(network.num_inputs)):
        _, *sizes = given.shape
        profile.set_shape(given.name, (1, *sizes), (4, *sizes), (8, *sizes))
    config.add_optimization_profile(profile)
    # The build fails where attention has no fused kernel and is not marked decomposable.
    assert builder.build_serialized_network(network, config) is not None
