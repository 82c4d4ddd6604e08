"""Weights of prompts by unlabelled images, by hand, and what weights of templates do."""

import math

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.encoders import class_weights, load_encoder, zpe_scores, zpe_weights

VECTORS = {
    "plain cat": (1.0, 0.0),
    "plain dog": (0.0, 1.0),
    "vague cat": (0.6, 0.8),
    "vague dog": (0.8, 0.6),
}
TEXTS = [["plain cat", "plain dog"], ["vague cat", "vague dog"]]
IMAGES = torch.eye(2)


class Encoder:
    """Texts as vectors of a table."""

    scale = 10.0

    def embed_texts(self, texts):
        return torch.tensor([VECTORS[text] for text in texts])


def test_scores_are_those_of_a_case_done_by_hand():
    # The images' mean is (0.5, 0.5): plain logits are 5 and -5, vague ones 1 and -1.
    assert zpe_scores(Encoder(), TEXTS, IMAGES).tolist() == pytest.approx([5, 1])


def test_what_texts_have_in_common_with_pretraining_images_is_taken_off():
    # (0.5, 0.5) and (0.6, 0.8) average to (0.55, 0.65). Plain: the greatest logits are 4.5 and 3.5;
    # vague: 10 (0.45 * 0.8 - 0.65 * 0.6) = -0.3 and 10 (-0.55 * 0.6 + 0.35 * 0.8) = -0.5.
    found = zpe_scores(Encoder(), TEXTS, IMAGES, torch.tensor([[0.6, 0.8]]))
    assert found.tolist() == pytest.approx([4.0, -0.4])


def test_weights_are_a_softmax_that_temperature_evens_out():
    scores = torch.tensor([5.0, 1.0])
    for temperature, apart in ((1, 4), (4, 1)):
        expected = 1 / (1 + math.exp(-apart))
        assert zpe_weights(scores, temperature) == pytest.approx([expected, 1 - expected])


def test_no_images_and_no_temperature_are_refused():
    for images in ((torch.empty(0, 2),), (IMAGES, torch.empty(0, 2))):
        with pytest.raises(InputError, match="there are none: give some"):
            zpe_scores(Encoder(), TEXTS, *images)
    for temperature in (0, math.nan):
        with pytest.raises(InputError, match="it must be above 0"):
            zpe_weights(torch.ones(2), temperature)


def test_templates_count_as_their_weights_say(saved):
    encoder = load_encoder(saved("clip"), torch.device("cpu"))
    templates, classes = ("a photo of a {class}", "{class}"), ("dress", "bag")
    one, two = (class_weights(encoder, classes, [template]) for template in templates)
    expected = torch.nn.functional.normalize(0.75 * one + 0.25 * two, dim=1)
    torch.testing.assert_close(class_weights(encoder, classes, templates, (3, 1)), expected)
    torch.testing.assert_close(class_weights(encoder, classes, templates, (0, 2)), two)


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ((1,), "there are 1 weights of 2 templates"),
        ((1, -1), "weight -1 of a template is below 0"),
        ((1, math.nan), "weight nan of a template is below 0 or not finite"),
        ((0, 0), "all weights of templates are 0"),
    ],
)
def test_weights_that_are_none_are_refused(saved, weights, complaint):
    encoder = load_encoder(saved("clip"), torch.device("cpu"))
    with pytest.raises(InputError, match=complaint):
        class_weights(encoder, ("dress", "bag"), ("a {class}", "{class}"), weights)
