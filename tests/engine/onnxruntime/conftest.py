"""A function that writes graphs made by hand."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from zeroreal.engine import GraphFile


def write_graph(path, spec, nodes, weights):
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


@pytest.fixture(name="write_graph", scope="session")
def _write_graph():
    return write_graph
