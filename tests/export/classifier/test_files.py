"""The files of a classifier against PyTorch, on pictures of several sizes."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from coloured import COLOURS, coloured
from PIL import Image

from zeroreal.base import InputError
from zeroreal.data.decode import decode
from zeroreal.export.classifier import files
from zeroreal.export.classifier.files import OPSET, write_onnx, write_program
from zeroreal.export.classifier.graph import ClassifierGraph

SIZES = [(16, 16), (45, 31), (16, 20), (9, 64)]


@pytest.fixture(scope="module")
def program(graph, description, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "model.pt2"
    write_program(graph, description, path)
    return torch.export.load(path).module()


@pytest.fixture(scope="module")
def session(onnx_file):
    return onnxruntime.InferenceSession(onnx_file)


def pictures(height, width, count):
    """Pictures of a size, and the same as a file that holds them is read at 16 pixels."""
    images, _ = coloured(count, 64, seed=height)
    sized = [Image.fromarray(one.numpy()).resize((width, height)) for one in images]
    read = [torch.from_numpy(decode(one, "a picture", 16)[0].copy()) for one in sized]
    return np.stack([np.asarray(one) for one in sized]), torch.stack(read)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_file_agrees_with_pytorch(session, program, predicted, height, width, count):
    images, read = pictures(height, width, count)
    expected = predicted(read)
    by_onnx = session.run(None, {"images": images})
    by_torch = [one.numpy() for one in program(torch.from_numpy(images))]
    for probabilities, classes, scores in (by_onnx, by_torch):
        assert probabilities.dtype == scores.dtype == np.float32
        assert classes.dtype == np.int64
        np.testing.assert_allclose(probabilities, expected, atol=2e-3)
        np.testing.assert_array_equal(classes, np.argsort(-probabilities, kind="stable"))
        np.testing.assert_allclose(scores, -np.sort(-probabilities))


def test_the_five_likeliest_of_many_classes_are_listed(tmp_path, description):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 9))
    names = tuple("abcdefghi")
    about = type(description)(
        **{**vars(description), "classes": names, "prompts": names, "image_size": 8}
    )
    graph = ClassifierGraph(network, 8, (0.5,) * 3, (0.5,) * 3).eval()
    write_onnx(graph, about, tmp_path / "model.onnx")
    images = coloured(3, 8)[0].numpy()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    probabilities, classes, scores = session.run(None, {"images": images})
    assert classes.shape == scores.shape == (3, 5)
    np.testing.assert_array_equal(classes, np.argsort(-probabilities)[:, :5])


def test_the_file_says_what_it_is(onnx_file):
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    said = {one.key: one.value for one in model.metadata_props}
    assert json.loads(said["classes"]) == list(COLOURS)
    assert json.loads(said["prompts"])[0] == "a red card"
    assert (said["accuracy"], said["temperature"], said["run_digest"]) == ("0.75", "1.7", "ab" * 32)
    (taken,) = model.graph.input
    sizes = [one.dim_param or one.dim_value for one in taken.type.tensor_type.shape.dim]
    assert sizes == ["batch", "height", "width", 3]


def test_the_file_holds_no_path_of_this_machine(onnx_file):
    assert b"/work" not in onnx_file.read_bytes()
    assert b".py" not in onnx_file.read_bytes()


def test_a_file_of_fixed_size_has_no_resize(network, description, tmp_path, predicted):
    graph = ClassifierGraph(network, 16, (0.5, 0.4, 0.45), (0.2, 0.25, 0.3), 1.7, any_size=False)
    write_onnx(graph.eval(), description, tmp_path / "fixed.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "fixed.onnx")
    assert session.get_inputs()[0].shape == ["batch", 16, 16, 3]
    operators = {one.op_type for one in onnx.load(tmp_path / "fixed.onnx").graph.node}
    assert "Floor" not in operators
    images, _ = coloured(3, 16)
    found = session.run(["probabilities"], {"images": images.numpy()})[0]
    np.testing.assert_allclose(found, predicted(images), atol=1e-5)


class Singular(torch.nn.Module):
    """A network of an operator that ONNX does not have."""

    def forward(self, batch):
        return torch.linalg.svdvals(batch.mean(1))


def test_a_network_that_cannot_be_exported_is_refused(description, tmp_path):
    graph = ClassifierGraph(Singular(), 16, (0.5,) * 3, (0.5,) * 3).eval()
    with pytest.raises(InputError, match=r"cannot be written for onnx .*svd.*: leave onnx out"):
        write_onnx(graph, description, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_more_weights_than_a_file_holds_are_refused(graph, description, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST", 1000)
    with pytest.raises(InputError, match=r"of weights, and one ONNX file holds .* --to torch"):
        write_onnx(graph, description, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
