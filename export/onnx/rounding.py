"""A half-precision graph as one that computes in float32 and rounds where the graph would."""

from __future__ import annotations

from pathlib import Path


def write_with_rounding(source: Path, target: Path) -> None:
    """Write the bfloat16 or float16 graph `source` to `target`, in the same folder.

    Nodes compute in float32, and every value is rounded to what it was in `source` and widened
    again. Weights stay where they are.
    """
    import onnx
    from onnx import TensorProto, helper

    assert source.parent == target.parent, "the weights are found beside the graph"
    model = onnx.load(source, load_external_data=False)
    graph = model.graph
    described = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in described}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    narrow = {
        name: kind
        for name, kind in types.items()
        if kind in (TensorProto.BFLOAT16, TensorProto.FLOAT16)
    }

    def widened(name: str) -> str:
        return f"{name}::float32" if name in narrow else name

    def widen(name: str) -> onnx.NodeProto:
        return helper.make_node("Cast", [name], [widened(name)], to=TensorProto.FLOAT)

    given = [value.name for value in (*graph.input, *graph.initializer)]
    nodes = [widen(name) for name in given if name in narrow]
    for node in graph.node:
        to_narrow = node.op_type == "Cast" and node.output[0] in narrow
        node.input[:] = [widened(name) for name in node.input]
        rounded = [name for name in node.output if name in narrow]
        if not to_narrow:
            node.output[:] = [f"{name}::exact" if name in narrow else name for name in node.output]
        nodes.append(node)
        for name in rounded:
            if not to_narrow:
                exact = f"{name}::exact"
                nodes.append(helper.make_node("Cast", [exact], [name], to=narrow[name]))
            nodes.append(widen(name))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(copies)
    target.write_bytes(model.SerializeToString())
