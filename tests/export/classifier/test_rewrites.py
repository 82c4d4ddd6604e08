"""Graphs with fewer kernels: they compute the same."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from zeroreal.export.classifier.rewrites import rewrite_pooling


def graph(side=8, kernel=2, strides=2, pads=(0,) * 4, taps=1, axes=(2, 3)):
    """Averages of patches, a convolution of them, and the mean of its maps."""
    draw = np.random.default_rng(0)
    weight = draw.standard_normal((5, 3, taps, taps)).astype(np.float32)
    left = (side + pads[0] + pads[2] - kernel) // strides + 1
    nodes = [
        helper.make_node(
            "AveragePool",
            ["x"],
            ["pooled"],
            "pool",
            kernel_shape=[kernel] * 2,
            strides=[strides] * 2,
            pads=pads,
        ),
        helper.make_node("Conv", ["pooled", "w", "b"], ["y"], "conv", kernel_shape=[taps] * 2),
        helper.make_node("ReduceMean", ["y", "axes"], ["z"], "mean", keepdims=1),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", None, None, None])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(draw.standard_normal(5).astype(np.float32), "b"),
            numpy_helper.from_array(np.array(axes, np.int64), "axes"),
        ],
        value_info=[
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side]),
            helper.make_tensor_value_info(
                "y", TensorProto.FLOAT, ["n", 5, left - taps + 1, left - taps + 1]
            ),
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])


def operators(model):
    return [node.op_type for node in model.graph.node]


def run(model, side):
    x = np.random.default_rng(1).standard_normal((2, 3, side, side)).astype(np.float32)
    return ReferenceEvaluator(model).run(None, {"x": x})[0]


@pytest.mark.parametrize(("side", "kernel"), [(8, 2), (9, 3)])
def test_averages_of_whole_patches_become_part_of_the_convolution(side, kernel):
    model = graph(side, kernel, kernel)
    expected = run(model, side)
    rewrite_pooling(model)
    assert operators(model) == ["Conv", "GlobalAveragePool"]
    onnx.checker.check_model(model)
    assert {one.name for one in model.graph.initializer} == {"w/pool", "b"}
    np.testing.assert_allclose(run(model, side), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"side": 9}, {"strides": 1}, {"pads": (1, 1, 1, 1)}, {"taps": 3}],
    ids=["a part is left", "overlapping", "padded", "of several places"],
)
def test_others_stay(changes):
    model = graph(**changes)
    rewrite_pooling(model)
    assert operators(model) == ["AveragePool", "Conv", "GlobalAveragePool"]


def test_a_mean_over_other_axes_stays():
    model = graph(axes=(1, 3))
    rewrite_pooling(model)
    assert operators(model)[-1] == "ReduceMean"
