"""Half precision done in float32: every value rounded as half precision rounds it."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from zeroreal.engine import GraphFile, GraphSpec, OnnxRuntimeEngine, TensorSpec
from zeroreal.export.onnx.rounding import write_with_rounding

CPU = torch.device("cpu")
HALF = (torch.float16, torch.bfloat16)
KINDS = {torch.float16: TensorProto.FLOAT16, torch.bfloat16: TensorProto.BFLOAT16}


@pytest.fixture
def graph(tmp_path):
    """A function that writes `values @ weights * factor / divisor` in a precision."""

    def write(dtype):
        kind = KINDS[dtype]
        rows = [helper.make_tensor_value_info(n, kind, ["n", 2]) for n in ("values", "out")]
        tensors = {
            "weights": torch.tensor([[0.5, -3.25], [7.125, 1.0]]),
            "factor": torch.tensor([1.1, 3.3]),
            "divisor": torch.tensor([0.3, 7.7]),
        }
        initializers = [
            helper.make_tensor(n, kind, t.shape, _bytes(t.to(dtype)), raw=True)
            for n, t in tensors.items()
        ]
        nodes = [
            helper.make_node("MatMul", ["values", "weights"], ["product"]),
            helper.make_node("Mul", ["product", "factor"], ["scaled"]),
            helper.make_node("Div", ["scaled", "divisor"], ["out"]),
        ]
        model = helper.make_model(
            helper.make_graph(nodes, "small", rows[:1], rows[1:], initializers),
            opset_imports=[helper.make_opsetid("", 23)],
            ir_version=10,
        )
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        path = tmp_path / "small.onnx"
        data = {"save_as_external_data": True, "location": f"{path.name}.data", "size_threshold": 0}
        onnx.save(model, path, **data)
        return path, {name: tensor.to(dtype) for name, tensor in tensors.items()}

    return write


def _bytes(tensor):
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def run(path, values):
    sides = [TensorSpec(name, values.dtype, ("n", 2)) for name in ("values", "out")]
    graph = GraphFile(path, GraphSpec("small", (sides[0],), (sides[1],)), "", "")
    return OnnxRuntimeEngine(graph, CPU, lean=True)({"values": values})["out"]


@pytest.mark.parametrize("dtype", HALF)
def test_every_value_is_rounded_to_what_half_precision_makes_of_it(graph, dtype):
    path, tensors = graph(dtype)
    write_with_rounding(path, path.with_name("rounding.onnx"))
    # Quarters: their products with the weights add up exactly, in whatever order.
    values = torch.randint(-40, 40, (500, 2), generator=torch.Generator().manual_seed(0)) / 4
    values = values.to(dtype)
    product = (values.double() @ tensors["weights"].double()).to(dtype)
    scaled = (product.double() * tensors["factor"].double()).to(dtype)
    expected = (scaled.double() / tensors["divisor"].double()).to(dtype)
    found = run(path.with_name("rounding.onnx"), values)
    assert found.dtype == dtype
    assert torch.equal(found, expected)
    unrounded = values.double() @ tensors["weights"].double()
    unrounded = (unrounded * tensors["factor"].double() / tensors["divisor"].double()).to(dtype)
    assert not torch.equal(found, unrounded)


@pytest.mark.parametrize(("dtype", "overflows"), [(torch.float16, True), (torch.bfloat16, False)])
def test_overflow_inside_is_infinite_in_fp16_and_none_in_bf16(graph, dtype, overflows):
    path, _ = graph(dtype)
    write_with_rounding(path, path.with_name("rounding.onnx"))
    values = torch.tensor([[60000.0, 60000.0]], dtype=dtype)  # the product has 457,500
    (first, second) = run(path.with_name("rounding.onnx"), values)[0]
    assert first.isinf() == overflows
    assert second.isinf() == overflows


def test_the_weights_are_not_written_again(graph):
    path, _ = graph(torch.float16)
    before = {file.name for file in path.parent.iterdir()}
    write_with_rounding(path, path.with_name("rounding.onnx"))
    assert {file.name for file in path.parent.iterdir()} == {*before, "rounding.onnx"}
    model = onnx.load(path.with_name("rounding.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        places = {entry.key: entry.value for entry in tensor.external_data}
        assert places["location"] == "small.onnx.data"
        assert tensor.data_type == TensorProto.FLOAT16
