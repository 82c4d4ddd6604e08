"""Serving deployed files: the answers are those of the graph, and of `predict`."""

import json

import onnxruntime
import pytest
from coloured import coloured
from PIL import Image
from served import call, infer_binary, served

from zeroreal.run import predict_files
from zeroreal.run.judge import load_judge


@pytest.mark.parametrize("name", ["model.onnx", "model.xml"])
def test_a_deployed_file_answers_as_its_graph_and_as_predict(deployment, tmp_path, name):
    images, _ = coloured(3, 24, seed=3)
    file = tmp_path / "a.png"
    Image.fromarray(images[0].numpy()).resize((50, 31)).save(file)
    model = deployment.folder / name
    with served(load_judge(model, "cpu")) as port:
        found = infer_binary(port, images.numpy())
        answer = json.loads(call(port, "POST", "/predict", file.read_bytes())[2])
    (expected,) = predict_files(model, [file], "cpu")
    assert answer["class_name"] == expected.class_name
    assert answer["probability"] == pytest.approx(expected.probability, abs=1e-6)
    session = onnxruntime.InferenceSession(str(deployment.folder / "model.onnx"))
    probabilities, classes, scores = session.run(None, {"images": images.numpy()})
    # OpenVINO's weights are halves.
    assert found["probabilities"] == pytest.approx(probabilities, abs=0.05)
    if name == "model.onnx":
        assert found["probabilities"] == pytest.approx(probabilities, abs=1e-5)
        assert (found["classes"] == classes).all()
        assert found["scores"] == pytest.approx(scores, abs=1e-5)
