"""A classifier as OpenVINO's files, against PyTorch, and files that are not ours."""

import json
import sys

import numpy as np
import openvino
import pytest
from coloured import COLOURS, coloured
from PIL import Image

from zeroreal.base import InputError
from zeroreal.export.classifier import openvino_ir
from zeroreal.export.classifier.deployed import load_deployed
from zeroreal.export.classifier.openvino_ir import weights_beside, write_openvino


@pytest.fixture(scope="module")
def graph_file(onnx_file, description, tmp_path_factory):
    path = tmp_path_factory.mktemp("openvino") / "model.xml"
    write_openvino(onnx_file, description, path)
    return path


@pytest.fixture
def copied(graph_file, tmp_path):
    for file in (graph_file, weights_beside(graph_file)):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / graph_file.name


def test_it_gives_what_pytorch_does(graph_file, predicted, description):
    found = load_deployed(graph_file)
    assert found.card == description
    images, _ = coloured(70, 16)
    probabilities, rejected = found.predict(images)
    # Of weights in halves; on some CPUs in bfloat16.
    np.testing.assert_allclose(probabilities, predicted(images), atol=0.03)
    assert (probabilities.argmax(1).numpy() == predicted(images).argmax(1)).all()
    assert rejected is None


def test_pictures_of_other_sizes_give_what_the_onnx_file_does(graph_file, onnx_file):
    image = np.asarray(Image.effect_mandelbrot((61, 34), (-2, -1, 1, 1), 50).convert("RGB"))
    (found, _), (expected, _) = (
        load_deployed(file).run(image[None]) for file in (graph_file, onnx_file)
    )
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_weights_are_half_as_large(graph_file, onnx_file):
    assert weights_beside(graph_file).stat().st_size < 0.6 * onnx_file.stat().st_size


def test_others_read_the_description_by_openvino_alone(graph_file):
    model = openvino.Core().read_model(graph_file)
    assert json.loads(model.get_rt_info(["zeroreal", "classes"]).value) == list(COLOURS)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_changed_byte_is_found(copied, suffix, place):
    file = copied.with_suffix(suffix)
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 0x01
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged|changed since|lacks|has no JSON"):
        load_deployed(copied)


def test_missing_weights_are_told(copied):
    weights_beside(copied).unlink()
    with pytest.raises(InputError, match=r"'model\.bin' is a part"):
        load_deployed(copied)


def craft(path, graph, weights):
    """Write them with a digest that fits."""
    begin, end = openvino_ir._WRITTEN.search(graph).span(1)
    blank = graph[:begin] + openvino_ir._BLANK.encode() + graph[end:]
    digest = openvino_ir._digest(blank, weights).encode()
    path.write_bytes(graph[:begin] + digest + graph[end:])
    weights_beside(path).write_bytes(weights)


def test_a_constant_that_no_shape_follows_from_is_told(copied):
    """The step of a range that is 0: OpenVINO looks at it only when it compiles the graph."""
    weights = weights_beside(copied).read_bytes()
    assert weights[:2] == np.float16(1).tobytes()  # the step, written first
    craft(copied, copied.read_bytes(), bytes(2) + weights[2:])
    with pytest.raises(InputError, match=r"is damaged or not ours .*step != 0"):
        load_deployed(copied)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [(b'type="Range"', b'type="R\xff\xff"'), (b'names="probabilities"', b'names="p\x80"')],
)
def test_bytes_that_are_no_text_are_told(copied, text, bytes_):
    """OpenVINO quotes them, or has them as a name, and Python cannot read what it says."""
    graph = copied.read_bytes()
    assert text in graph
    craft(copied, graph.replace(text, bytes_), weights_beside(copied).read_bytes())
    with pytest.raises(InputError, match="is damaged or not ours"):
        load_deployed(copied)


@pytest.mark.parametrize("content", [b"", b"no graph", b"<net", b"<?xml version='1.0'?><net/>"])
def test_what_is_no_graph_is_refused(copied, content):
    copied.write_bytes(content)
    with pytest.raises(InputError, match="is damaged or not ours"):
        load_deployed(copied)


def test_a_graph_of_another_kind_is_refused(tmp_path, description):
    given = openvino.opset13.parameter([-1, 4], np.float32, name="x")
    model = openvino.Model([openvino.opset13.relu(given)], [given], "other")
    openvino.save_model(model, tmp_path / "other.xml")
    write_openvino(tmp_path / "other.xml", description, tmp_path / "model.xml")
    with pytest.raises(InputError, match=r"takes \[\('x', 'f32'\)\] and gives"):
        load_deployed(tmp_path / "model.xml")


def test_another_device_is_refused(graph_file):
    with pytest.raises(InputError, match="runs on the CPU, not on 'cuda': give --device cpu"):
        load_deployed(graph_file, "cuda")


def test_it_is_told_where_openvino_is_not_installed(graph_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match=r"pip install 'zeroreal\[openvino\]'"):
        load_deployed(graph_file)
