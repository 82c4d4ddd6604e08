"""Quantised files: what is in 8 bits, and that they still agree."""

import onnx
import onnxruntime
import pytest
from coloured import coloured
from onnx import numpy_helper

from zeroreal.export.classifier.gate import agreement, compare
from zeroreal.export.classifier.int8 import quantised_share, write_int8
from zeroreal.export.classifier.losses import lossy_layers
from zeroreal.export.classifier.runners import onnx_runner
from zeroreal.export.classifier.schemes import CPU


@pytest.fixture(scope="module")
def images():
    return coloured(48, 16, seed=2)[0].numpy()


@pytest.fixture(scope="module")
def made(onnx_file, images, case, tmp_path_factory):
    """The file, and the ways that were tried."""
    path = tmp_path_factory.mktemp("int8") / "model-int8.onnx"
    return path, write_int8(onnx_file, images, case, path)


def nodes_by_output(graph):
    return {out: one for one in graph.node for out in one.output}


def test_the_network_is_in_8_bits_with_a_scale_for_each_channel(made):
    graph = onnx.load(made[0]).graph
    makers = nodes_by_output(graph)
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    convolutions = [one for one in graph.node if one.op_type == "Conv"]
    assert len(convolutions) == 3
    assert convolutions[0].input[1] in values  # of pixels, in floats
    for one in convolutions[1:]:
        activation, weight = (makers[name] for name in one.input[:2])
        assert activation.op_type == weight.op_type == "DequantizeLinear"
        stored, scales = (values[name] for name in weight.input[:2])
        assert str(stored.dtype) == "int8"
        assert scales.shape == (16,)
    assert quantised_share(made[0]) == 0.75  # with the matrix product at the end


def test_what_stands_around_the_network_is_in_floats(made):
    graph = onnx.load(made[0]).graph
    makers = nodes_by_output(graph)
    around = [one for one in graph.node if one.op_type in ("Floor", "Softmax", "TopK")]
    around += [one for one in graph.node if one.op_type == "MatMul"]
    assert len(around) >= 6
    for one in around:
        assert not any(
            makers[name].op_type == "DequantizeLinear" for name in one.input if name in makers
        ), one.name


def test_the_share_of_a_file_in_floats_is_none(onnx_file):
    assert quantised_share(onnx_file) == 0


def test_it_agrees_with_pytorch_and_says_what_it_is(made, onnx_file, case):
    session = onnxruntime.InferenceSession(made[0])
    assert agreement([compare(onnx_runner(session), case)]) >= 0.97
    said, before = (
        onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
        for path in (made[0], onnx_file)
    )
    assert said.pop("digest") != before.pop("digest")
    assert said == before
    onnx.checker.check_model(onnx.load(made[0]), full_check=True)
    assert {one.domain for one in onnx.load(made[0]).opset_import} <= {"", "ai.onnx"}


def test_the_best_of_several_ways_is_kept(made):
    ways = made[1]
    assert {(one.method, one.images) for one in ways} == {
        ("MinMax", 32),
        *((method, 48) for method in CPU.methods),
    }
    assert [one.comparison.merit for one in ways] == sorted(
        (one.comparison.merit for one in ways), reverse=True
    )


def test_layers_that_lose_most_are_named(made, onnx_file, images):
    layers = lossy_layers(onnx_file, made[0], images)
    assert len(layers) == 3
    assert all(name.startswith("network") for name, _ in layers)
    assert [ratio for _, ratio in layers] == sorted(ratio for _, ratio in layers)
    assert 5 < layers[0][1] < 80
