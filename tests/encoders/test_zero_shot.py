"""Zero-shot classification: class vectors, probabilities, and training towards them."""

import pytest
import torch
from PIL import Image
from tiny_encoders import pictures
from transformers import CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from zeroreal.base import InputError
from zeroreal.encoders import ZeroShotClassifier, class_weights, load_encoder
from zeroreal.train.loop.targets import soft_targets

CPU = torch.device("cpu")
CLASSES = ("dress", "ankle boot", "bag")
PROMPTS = ("a photo of a dress", "a photo of an ankle boot", "a photo of a bag")


@pytest.fixture(scope="module")
def encoder(saved):
    return load_encoder(saved("clip"), CPU)


def reference(folder, images, prompts):
    processor = CLIPProcessor(
        CLIPImageProcessor.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    )
    shown = [Image.fromarray(image.numpy()) for image in images]
    inputs = processor(text=list(prompts), images=shown, padding=True, return_tensors="pt")
    with torch.no_grad():
        return CLIPModel.from_pretrained(folder)(**inputs)


def test_probabilities_are_those_of_transformers(saved, encoder):
    images = pictures(600, side=32)  # more than are embedded at once
    expected = reference(saved("clip"), images, PROMPTS).logits_per_image.softmax(1)
    ours = ZeroShotClassifier(encoder, CLASSES)(images)
    assert expected.std(0).max() > 0.01  # neither the same for all images
    assert expected.std(1).max() > 0.01  # nor for all classes
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_templates_are_averaged_as_unit_vectors(saved, encoder):
    images = pictures(side=32)
    sides = [f"{name}, seen from the side" for name in CLASSES]
    outputs = [reference(saved("clip"), images, prompts) for prompts in (PROMPTS, sides)]
    text = (outputs[0].text_embeds + outputs[1].text_embeds) / 2
    expected = text / text.norm(dim=1, keepdim=True)
    templates = ("a photo of a {class}", "{class}, seen from the side")
    torch.testing.assert_close(class_weights(encoder, CLASSES, templates), expected)


def test_a_sigmoid_is_of_each_class_by_itself(saved):
    pytest.importorskip("sentencepiece")
    classifier = ZeroShotClassifier(load_encoder(saved("siglip"), CPU), CLASSES)
    logits = classifier.logits(pictures())
    torch.testing.assert_close(classifier.scores(logits), 1 / (1 + torch.exp(-logits)))
    torch.testing.assert_close(classifier(pictures()).sum(1), torch.ones(5))


def test_a_softmax_is_of_all_classes_together(encoder):
    classifier = ZeroShotClassifier(encoder, CLASSES)
    torch.testing.assert_close(
        classifier.scores(classifier.logits(pictures())), classifier(pictures())
    )


def test_a_classifier_can_be_trained_towards_it(encoder):
    images = pictures()
    logits = torch.zeros(5, 3, requires_grad=True)
    teacher = ZeroShotClassifier(encoder, CLASSES)(images)
    targets = soft_targets(torch.eye(3)[[0, 1, 2, 0, 1]], teacher, 0.5)
    torch.nn.functional.cross_entropy(logits, targets).backward()
    # The gradient of the mean cross-entropy is (softmax - targets) / B.
    assert torch.allclose(logits.grad, (1 / 3 - targets) / 5, atol=1e-6)


def test_soft_targets_take_the_teachers_share():
    hard, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.2, 0.8]])
    assert torch.allclose(soft_targets(hard, teacher, 0.25), torch.tensor([[0.8, 0.2]]))


@pytest.mark.parametrize(
    ("templates", "complaint"),
    [
        (("a photo",), "'a photo' has to have {class} in it and no other field"),
        (("a {domain} of a {class}",), "has to have {class} in it and no other field"),
        ((), "there is no template"),
    ],
)
def test_templates_without_a_place_for_the_class_alone_are_refused(encoder, templates, complaint):
    with pytest.raises(InputError, match=complaint):
        class_weights(encoder, CLASSES, templates)
