"""A saved classifier is loaded again, and a damaged one is not."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train.classifier.saved import ClassifierCard, load_classifier, save_classifier

CPU = torch.device("cpu")


def test_a_saved_classifier_predicts_the_same(tmp_path, stripes, trainer):
    ours = trainer(epochs=1)
    ours.fit(*stripes(64, seed=0))
    card = ClassifierCard("test_resnet", ("lying", "standing"), ("lying", "standing"), 32)
    save_classifier(tmp_path, ours.model, card)
    images, _ = stripes(16, seed=1)
    loaded = load_classifier(tmp_path, CPU)
    assert loaded.card == card
    assert torch.allclose(loaded.predict(images), ours.predict(images), atol=1e-6)


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
