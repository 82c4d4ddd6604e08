"""What an export is checked with: references in float32, and half precision done in float32."""

import math

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from zeroreal.base import InputError
from zeroreal.engine import GraphFile, GraphSpec, OnnxRuntimeEngine, TensorSpec
from zeroreal.export.onnx.cases import random_inputs
from zeroreal.export.onnx.float32_weights import float32_weights
from zeroreal.export.onnx.rounding import write_with_rounding
from zeroreal.export.onnx.verify import (
    InexactGraphError,
    OutputError,
    check,
    graph_errors,
    relative_error,
)

CPU = torch.device("cpu")
HALF = (torch.float16, torch.bfloat16)
KINDS = {torch.float16: TensorProto.FLOAT16, torch.bfloat16: TensorProto.BFLOAT16}


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, values):
        if self.scale.dtype == torch.float32:
            raise ArithmeticError("as asked")
        return values


@pytest.mark.parametrize("dtype", HALF)
def test_narrow_weights_compute_in_float32_and_come_back(dtype):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4))
    module.to(dtype).requires_grad_(False)
    stored = {name: weight.clone() for name, weight in module.state_dict().items()}
    values = torch.randn(3, 8)
    with float32_weights(module):
        found = module(values)
    for name, weight in module.state_dict().items():
        assert weight.dtype == dtype
        assert torch.equal(weight, stored[name])
    assert torch.equal(found, module.float()(values))


def test_narrow_weights_come_back_after_an_error():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), Failing())).half()
    with pytest.raises(ArithmeticError, match="as asked"), float32_weights(module):
        module(torch.zeros(1, 2))
    assert {weight.dtype for weight in module.parameters()} == {torch.float16}
    assert module[1][1](1) == 1, "it is as it was, without float32"


@pytest.mark.parametrize(
    ("result", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 2.5], [1.0, -2.0], 2.25),
        ([0.0, 3.0], [0.5, 4.0], 0.25),
        ([math.nan, 2.0], [1.0, 2.0], math.inf),
        ([1.0, math.inf], [1.0, 2.0], math.inf),
        ([1.0, -math.inf], [1.0, -math.inf], math.inf),
        ([0.0, 0.0], [0.0, 0.0], 0),
    ],
)
def test_the_error_is_relative_to_the_largest_value_and_infinite_for_nan(result, expected, error):
    assert relative_error(torch.tensor(result), torch.tensor(expected)) == error


def test_half_precision_results_are_compared_in_float32():
    result = torch.tensor([60000.0, -60000.0], dtype=torch.float16)
    assert relative_error(result, torch.tensor([60000.0, 60000.0])) == 2


@pytest.mark.parametrize(
    ("relative", "complaint"),
    [
        (0.03, "output 'images' of decoder differs from PyTorch by 0.03 (batch 1; at most 0.02 "),
        (math.inf, "output 'images' of decoder has NaN or infinite values (batch 1; at most 0.02"),
    ],
)
def test_the_output_that_is_farthest_off_is_named(relative, complaint):
    graph = GraphFile(None, GraphSpec("decoder", (), ()), "", "")
    fine, wrong = (OutputError("batch 1", "images", error, 0.02) for error in (0.01, relative))
    check(graph, [fine])
    with pytest.raises(InexactGraphError) as caught:
        check(graph, [fine, wrong])
    assert complaint in str(caught.value)
    assert caught.value.worst == wrong


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


def test_a_graph_of_mixed_types_gets_one_sentence(tmp_path):
    kinds = {"values": TensorProto.FLOAT16, "others": TensorProto.FLOAT, "out": TensorProto.FLOAT}
    sides = {name: helper.make_tensor_value_info(name, kinds[name], [2]) for name in kinds}
    nodes = [helper.make_node("Add", ["values", "others"], ["out"])]
    inputs, outputs = [sides["values"], sides["others"]], [sides["out"]]
    model = helper.make_model(helper.make_graph(nodes, "mixed", inputs, outputs))
    onnx.save(model, tmp_path / "mixed.onnx")
    graph = GraphFile(tmp_path / "mixed.onnx", GraphSpec("mixed", (), ()), "", "")
    with pytest.raises(InputError, match="mixed is not valid as ONNX") as caught:
        graph_errors(graph, [], torch.float16)
    assert "\n" not in str(caught.value)


def test_random_inputs_cannot_be_got_right_by_ignoring_the_rows():
    int64 = torch.int64
    names = (("rows", int64, ("rows",)), ("unconditional", int64, ("batch",)))
    spec = GraphSpec("denoise", tuple(TensorSpec(*name) for name in names), ())
    inputs = random_inputs(spec, {"batch": 2, "rows": 2}, seed=0, vocabulary=10)
    assert sorted(inputs["rows"].tolist()) == sorted(inputs["unconditional"].tolist()) == [0, 1]
    assert inputs["rows"].tolist() != [0, 1], "rows are not in the order of the images"
    assert inputs["unconditional"].tolist() != [0, 1], "guidance leads away from other rows"
