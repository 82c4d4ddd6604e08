"""Requests of the protocol over loopback, against the classifier itself."""

import gzip
import json

import numpy as np
import pytest
import torch
from served import INFER, LENGTH, asked, binary, call, error, infer, infer_binary, served

from zeroreal.data.decode import decode
from zeroreal.run.judge import Judge

NUMBERS = asked(np.zeros((1, 2, 2, 3), np.uint8))

CLASSIFIED = {"name": "scores", "parameters": {"classification": 1}}


def told(port, path, status=200):
    found, _, answer = call(port, "GET", path)
    assert found == status
    return json.loads(answer)


def changed(**fields):
    """A request whose input has other fields."""
    return json.dumps({"inputs": [{**NUMBERS["inputs"][0], **fields}]})


def test_the_server_and_its_model_describe_themselves(port):
    assert told(port, "/v2")["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/classifier/ready"):
        assert list(told(port, path).values()) == [True]
    model = told(port, "/v2/models/classifier")
    assert model == told(port, "/v2/models/classifier/versions/1")
    assert model["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert [one["name"] for one in model["outputs"]] == ["probabilities", "classes", "scores"]
    assert json.loads(model["parameters"]["classes"]) == ["bag", "coat", "dress", "sneaker"]


def test_both_encodings_give_what_the_classifier_says(port, judge, pictures):
    images = pictures(5, 32, 32)
    expected, _ = judge.judge(torch.from_numpy(images))
    for found in (infer(port, images), infer_binary(port, images)):
        assert found["probabilities"] == pytest.approx(expected.numpy(), abs=1e-6)
        assert (found["classes"] == expected.argsort(1, descending=True).numpy()).all()
        assert (found["scores"] == -np.sort(-found["probabilities"], 1)).all()


def test_pictures_of_other_sizes_are_brought_to_the_classifiers_as_files_are(port, judge, pictures):
    from PIL import Image

    image = pictures(1, 61, 40)
    square, _ = decode(Image.fromarray(image[0]), "one", 32)
    expected, _ = judge.judge(torch.from_numpy(square.copy())[None])
    # By one level, pixels may differ.
    assert infer(port, image)["probabilities"] == pytest.approx(expected.numpy(), abs=0.02)


def test_nested_lists_and_compressed_bodies_are_read(port, pictures):
    images = pictures(2, 3, 4)
    expected = infer(port, images)["probabilities"]
    nested = asked(images)
    nested["inputs"][0]["data"] = images.tolist()
    packed = gzip.compress(json.dumps(asked(images)).encode())
    for body, headers in ((json.dumps(nested), {}), (packed, {"Content-Encoding": "gzip"})):
        _, _, answer = call(port, "POST", INFER, body, headers)
        found = json.loads(answer)["outputs"][0]["data"]
        assert found == pytest.approx(expected.ravel())


def test_outputs_are_given_as_asked_with_the_id(port, pictures):
    outputs = [
        {"name": "scores", "parameters": {"binary_data": False}},
        {"name": "classes", "parameters": {"binary_data": True}},
    ]
    body, headers = binary(pictures(2, 32, 32), outputs, id="seven")
    path = "/v2/models/classifier/versions/1/infer"
    status, told, answer = call(port, "POST", path, body, headers)
    head = json.loads(answer[: int(told[LENGTH])])
    assert (status, head["id"], head["model_version"]) == (200, "seven", "1")
    scores, classes = head["outputs"]
    assert (scores["name"], len(scores["data"])) == ("scores", 8)
    assert classes["parameters"] == {"binary_data_size": 64}
    assert "data" not in classes
    assert len(answer) - int(told[LENGTH]) == 64


def test_rejections_are_given_where_they_are_known():
    def of(images):
        dark = images.float().mean((1, 2, 3)) < 128
        return torch.full((len(images), 2), 0.5), dark.tolist()

    images = np.stack([np.full((4, 4, 3), level, np.uint8) for level in (0, 255)])
    with served(Judge(("a", "b"), ("a", "b"), 4, torch.device("cpu"), of)) as port:
        assert infer(port, images)["rejected"].tolist() == [True, False]
        assert infer_binary(port, images)["rejected"].tolist() == [True, False]
        assert told(port, "/v2/models/classifier")["outputs"][-1]["datatype"] == "BOOL"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[" * 5000, "levels of nesting"),
        ("\xff".encode("latin-1"), "is not valid JSON"),
        ("[]", "is []"),
        ("{}", "lacks 'inputs'"),
        ('{"inputs": []}', "give 'images' alone"),
        (changed(name="pictures"), "give 'images' alone"),
        (changed(datatype="FP32"), "give UINT8"),
        (changed(shape=[1, 2, 2]), "give [N, H, W, 3]"),
        (changed(shape=[1, 2, -2, 3]), "all above 0"),
        (changed(shape=[True, 2, 2, 3]), "inputs[0].shape[0]"),
        (changed(shape=[1, 2, 1, 3]), "has 12 numbers, and by its shape 6"),
        (changed(data=[256] * 12), "give 0 to 255"),
        (changed(data=[0.5] * 12), "no list of whole numbers"),
        (changed(data=[True] * 12), "no list of whole numbers"),
        (changed(data=None), "no list of whole numbers"),
        (changed(parameters={"shared_memory_region": "x"}), "'shared_memory_region'"),
        (changed(data=None, parameters={"binary_data_size": 12}), "0 follow the JSON"),
        (json.dumps({**NUMBERS, "outputs": [{"name": "score"}]}), "did you mean 'scores'?"),
        (json.dumps({**NUMBERS, "outputs": 2 * [{"name": "scores"}]}), "twice"),
        (
            json.dumps(
                {**NUMBERS, "outputs": [{"name": "scores", "parameters": {"classification": 1}}]}
            ),
            "'classification'",
        ),
        (json.dumps({**NUMBERS, "parameters": {"binary_data_output": 1}}), "true or false"),
    ],
)
def test_what_is_no_request_is_refused(port, body, complaint):
    status, sentence = error(port, body)
    assert status in (400, 413)
    assert complaint in sentence


@pytest.mark.parametrize("length", ["", "-1", "0", "1e3", "99999", "9" * 30])
def test_a_length_of_json_that_cannot_be_is_refused(port, pictures, length):
    body, _ = binary(pictures(1, 2, 2))
    status, sentence = error(port, body, {LENGTH: length})
    assert status == 400
    assert LENGTH in sentence


@pytest.mark.parametrize("change", [lambda body: body[:-1], lambda body: body + b"x"])
def test_bytes_that_are_not_those_of_the_shape_are_refused(port, pictures, change):
    body, headers = binary(pictures(1, 2, 2))
    status, sentence = error(port, change(body), headers)
    assert (status, "these must be the same" in sentence) == (400, True)


def test_other_models_versions_paths_and_methods_are_not_there(port):
    for path in ("/v2/models/other", "/v2/models/classifier/versions/2", "/v3"):
        assert "error" in told(port, path, 404)
    assert "error" in told(port, "/predict", 405)
