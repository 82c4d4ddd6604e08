"""What makes a graph faster in ONNX Runtime on a CPU, and changes nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def for_cpu(path: Path) -> bytes:
    """The graph at `path`, without its weights, with float32 `GroupNormalization` replaced.

    The CPU provider has no kernel for it and takes it apart into a dozen passes over the data. Its
    kernel of `InstanceNormalization` does the same in one, on groups in the place of channels.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    floats = {
        tensor.name: tensor for tensor in graph.initializer if tensor.data_type == tensor.FLOAT
    }
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "GroupNormalization" and node.input[1] in floats:
            (channels,) = floats[node.input[1]].dims
            nodes += _by_instance_normalization(node, channels)
        else:
            nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    content: bytes = model.SerializeToString()
    return content


def _by_instance_normalization(node: onnx.NodeProto, channels: int) -> Iterator[onnx.NodeProto]:
    """Nodes that do the same to `[N, channels, ...]`, whose places are taken as one dimension."""
    from onnx import helper

    images, scale, bias = node.input
    (out,) = node.output
    settings = {
        attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute
    }
    groups = settings["num_groups"]

    def name(part: str) -> str:
        return f"{out}::{part}"

    def integers(part: str, values: list[int]) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name(part)], value_ints=values)

    def floats(part: str, values: list[float]) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name(part)], value_floats=values)

    yield integers("grouping", [0, groups, -1])
    yield integers("channels", [0, channels, -1])
    yield integers("places", [1])
    yield floats("ones", [1.0] * groups)
    yield floats("zeros", [0.0] * groups)
    yield helper.make_node("Reshape", [images, name("grouping")], [name("grouped")])
    yield helper.make_node(
        "InstanceNormalization",
        [name("grouped"), name("ones"), name("zeros")],
        [name("normal")],
        epsilon=settings.get("epsilon", 1e-5),
    )
    yield helper.make_node("Reshape", [name("normal"), name("channels")], [name("ungrouped")])
    yield helper.make_node("Unsqueeze", [scale, name("places")], [name("scale")])
    yield helper.make_node("Unsqueeze", [bias, name("places")], [name("bias")])
    yield helper.make_node("Mul", [name("ungrouped"), name("scale")], [name("scaled")])
    yield helper.make_node("Add", [name("scaled"), name("bias")], [name("moved")])
    yield helper.make_node("Shape", [images], [name("shape")])
    yield helper.make_node("Reshape", [name("moved"), name("shape")], [out])
