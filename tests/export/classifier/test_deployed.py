"""Files that `predict` is given: ours, damaged, and others'."""

import numpy as np
import onnx
import pytest
import torch
from coloured import COLOURS, coloured
from onnx import TensorProto, helper

from zeroreal.base import InputError
from zeroreal.export.classifier.deployed import load_deployed
from zeroreal.export.classifier.files import describe
from zeroreal.export.classifier.runners import checked_runner, onnx_session


def test_a_file_of_ours_is_read_with_its_card(onnx_file, predicted):
    found = load_deployed(onnx_file)
    assert found.card.classes == tuple(COLOURS)
    assert found.card.temperature == 1.7
    images, _ = coloured(70, 16)
    probabilities, rejected = found.predict(images)
    np.testing.assert_allclose(probabilities, predicted(images), atol=1e-5)
    assert (probabilities.dtype, rejected) == (torch.float32, None)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x0a" * 40])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"model '.*/model.onnx' (is damaged|lacks)"):
        load_deployed(tmp_path / "model.onnx")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_deployed(tmp_path / "model.onnx")


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9])
def test_a_changed_byte_is_found(onnx_file, tmp_path, place):
    content = bytearray(onnx_file.read_bytes())
    content[int(place * len(content))] ^= 0x20
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged|has changed|lacks|has no JSON"):
        load_deployed(tmp_path / "model.onnx")


def test_a_truncated_file_is_refused(onnx_file, tmp_path):
    content = onnx_file.read_bytes()
    (tmp_path / "model.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"is damaged|lacks"):
        load_deployed(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("text", "bytes_"), [(b'["red"', b'["\xffed"'), (b"probabilities", b"prob\xffbilities")]
)
def test_bytes_that_are_no_text_are_told(onnx_file, tmp_path, text, bytes_):
    content = onnx_file.read_bytes()
    assert text in content
    (tmp_path / "model.onnx").write_bytes(content.replace(text, bytes_))
    with pytest.raises(InputError, match="is damaged or no ONNX file"):
        load_deployed(tmp_path / "model.onnx")


def test_a_graph_that_cannot_be_loaded_is_told_in_one_sentence(capsys):
    with pytest.raises(InputError, match="'x' cannot be loaded by ONNX Runtime"):
        onnx_session(b"\xff" * 40, "model 'x'")
    assert capsys.readouterr().out == ""


def other_model(tmp_path, change):
    """A graph of somebody else's, with properties like ours but for a change."""
    floats = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("x", "y")
    ]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g", *([one] for one in floats)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    change(model)
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_file_without_our_properties_is_refused(tmp_path):
    path = other_model(tmp_path, lambda model: None)
    with pytest.raises(InputError, match="lacks 'classes' among its properties"):
        load_deployed(path)


def test_a_graph_of_another_kind_is_refused(tmp_path, description):
    path = other_model(tmp_path, lambda model: describe(model, description.properties()))
    with pytest.raises(InputError, match=r"takes .*tensor.float.* give one that zeroreal deploy"):
        load_deployed(path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("classes", "[1, 2", "has no JSON as 'classes'"),
        ("classes", '["a", "a", "b", "c"]', "has a class twice"),
        ("classes", "[" * 5000, "levels of nesting"),
        ("temperature", "0", "must be above 0"),
        ("temperature", '"hot"', "'temperature'"),
        ("image_size", "-3", "must be above 0"),
    ],
)
def test_properties_that_make_no_classifier_are_refused(tmp_path, description, name, value, said):
    properties = {**description.properties(), name: value}
    path = other_model(tmp_path, lambda model: describe(model, properties))
    with pytest.raises(InputError, match=said):
        load_deployed(path)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(RuntimeError("bad\ngraph"), InputError), (MemoryError("no room"), MemoryError)],
)
def test_what_a_runtime_raises_is_a_sentence_unless_it_is_memory(raised, expected):
    def run(images):
        raise raised

    with pytest.raises(expected, match=r"the file cannot be run \(bad graph\)|no room"):
        checked_runner(run, 2, "the file")(np.zeros((1, 2, 2, 3), np.uint8))


@pytest.mark.parametrize("found", [np.full((1, 2), np.nan), np.ones((1, 3)), np.ones((2, 2))])
def test_what_are_no_probabilities_of_the_classes_is_refused(found):
    with pytest.raises(InputError, match="the file gives no probabilities of its 2 classes"):
        checked_runner(lambda images: (found, None), 2, "the file")(
            np.zeros((1, 2, 2, 3), np.uint8)
        )
