"""What an export is checked with: errors relative to references, and inputs."""

import math

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from zeroreal.base import InputError
from zeroreal.engine import GraphFile, GraphSpec, TensorSpec
from zeroreal.export.onnx.cases import random_inputs
from zeroreal.export.onnx.verify import (
    InexactGraphError,
    OutputError,
    check,
    graph_errors,
    relative_error,
)


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
