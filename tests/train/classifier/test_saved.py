"""A saved classifier is loaded again, and a damaged one is not."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.train.classifier.create import create_classifier
from zeroreal.train.classifier.saved import ClassifierCard, load_classifier, save_classifier

CPU = torch.device("cpu")
CARD = ClassifierCard("test_resnet", ("a", "b"), ("a", "b"), 32)


def test_a_saved_classifier_predicts_the_same(tmp_path, stripes, trainer):
    ours = trainer(epochs=1)
    ours.fit(*stripes(64, seed=0))
    card = ClassifierCard("test_resnet", ("lying", "standing"), ("lying", "standing"), 32)
    save_classifier(tmp_path, ours.model, card)
    images, _ = stripes(16, seed=1)
    loaded = load_classifier(tmp_path, CPU)
    assert loaded.card == card
    assert torch.allclose(loaded.predict(images), ours.predict(images), atol=1e-6)


def test_a_description_of_before_least_maps_is_of_a_classifier_in_the_cifar_form(tmp_path):
    card = ClassifierCard("resnet18", ("a", "b"), ("a", "b"), 32, least_map=4)
    model = create_classifier("resnet18", 2, 32, least_map=4).eval()
    save_classifier(tmp_path, model, card)
    description = tmp_path / "classifier.json"
    fields = json.loads(description.read_text())
    assert fields.pop("least_map") == 4
    description.write_text(json.dumps(fields))
    weights = tmp_path / "classifier.safetensors"
    save_file(load_file(weights), weights)  # without the description, as somebody else's
    images = torch.zeros(2, 3, 32, 32)
    assert torch.equal(load_classifier(tmp_path, CPU).model(images), model(images))


@pytest.mark.parametrize("damage", ["truncate", "remove", "card", "other"])
def test_a_damaged_classifier_gets_one_sentence(tmp_path, damage, trainer):
    card = ClassifierCard("test_resnet", ("a", "b"), ("a", "b"), 32)
    save_classifier(tmp_path, trainer().model, card)
    weights, description = tmp_path / "classifier.safetensors", tmp_path / "classifier.json"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "remove":
        weights.unlink()
    elif damage == "card":
        description.write_text("{}")
    else:
        description.write_text(description.read_text().replace("test_resnet", "resnet18"))
    with pytest.raises(InputError) as caught:
        load_classifier(tmp_path, CPU)
    assert "\n" not in str(caught.value)


@pytest.fixture
def saved(tmp_path, trainer):
    """The folder of a saved classifier, whole."""
    save_classifier(tmp_path, trainer().model, CARD)
    load_classifier(tmp_path, CPU)
    return tmp_path


@pytest.mark.parametrize("place", [0.2, 0.5, -1])
def test_one_flipped_bit_of_the_weights_is_noticed(saved, place):
    path = saved / "classifier.safetensors"
    content = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")  # of the numbers
    at = -1 if place < 0 else begin + int(place * (len(content) - begin))
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="digest does not match"):
        load_classifier(saved, CPU)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda weight: weight.fill_(float("nan")), "is not finite"),
        (lambda weight: weight.fill_(float("-inf")), "is not finite"),
        (lambda weight: weight.int(), "is torch.int32, not torch.float32"),
        (lambda weight: weight[:1], "size mismatch"),
    ],
)
def test_weights_that_others_wrote_are_checked(saved, change, complaint):
    path = saved / "classifier.safetensors"
    weights = load_file(path)
    save_file(weights, path)  # without our digest
    load_classifier(saved, CPU)
    name = next(name for name, weight in weights.items() if weight.ndim == 4)
    save_file({**weights, name: change(weights[name].clone()).contiguous()}, path)
    with pytest.raises(InputError, match=complaint) as caught:
        load_classifier(saved, CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"classes": ["b", "a"]}, "has changed since the weights were saved"),
        ({"image_size": 64}, "has changed since the weights were saved"),
    ],
)
def test_a_description_that_changed_is_noticed(saved, change, complaint):
    description = saved / "classifier.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), **change}))
    with pytest.raises(InputError, match=complaint):
        load_classifier(saved, CPU)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"classifier": ["test_resnet"]},
            r"has \['test_resnet'\] as 'classifier': input should be",
        ),
        ({"classes": [1, 2]}, r"has 1 as 'classes\[0\]': input should be a valid string"),
        ({"classes": "ab"}, "has 'ab' as 'classes': input should be a valid array"),
        ({"classes": ["a", "a"]}, "has a class twice"),
        ({"prompts": ["a"]}, "lacks classes, prompts"),
        ({"image_size": "32"}, "has '32' as 'image_size'"),
        ({"image_size": True}, "has True as 'image_size'"),
        ({"image_size": -32}, "has -32 as 'image_size'"),
    ],
)
def test_the_description_of_others_weights_is_checked(saved, change, complaint):
    weights, description = saved / "classifier.safetensors", saved / "classifier.json"
    save_file(load_file(weights), weights)
    description.write_text(json.dumps({**json.loads(description.read_text()), **change}))
    with pytest.raises(InputError, match=complaint):
        load_classifier(saved, CPU)
