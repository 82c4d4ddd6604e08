"""Which class an encoder sees in images, and which class seems to be another."""

import pytest
import torch

from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.run.audit.agreement import PLAIN, Agreeing, Wording, agreement, suspicions, wordings

CLASSES = parse_classes(["coat", "bag", "boot: ankle boot"])
NAMES = [item.name for item in CLASSES]


def agreed(found, labels, told=(), guidance=()):
    told = told or [PLAIN] * len(labels)
    return agreement(torch.tensor(found), torch.tensor(labels), 3, told, guidance)


def test_shares_by_class_and_what_is_taken_for_what():
    found = agreed([0, 0, 1, 1, 2, 1], [0, 0, 0, 0, 1, 1])
    assert found.share == 3 / 6
    assert found.by_class == (0.5, 0.5, None)
    assert found.taken == ((0.5, 0.5, 0), (0, 0.5, 0.5), (0, 0, 0))
    assert (found.by_domain, found.by_guidance) == ({}, {})


def test_shares_by_domain_and_guidance_in_order():
    told = [Wording("a {class}", domain) for domain in ("sketch", "photo", "sketch", "")]
    found = agreed([0, 0, 0, 1], [0, 0, 1, 1], told, [10, 2.4, 1.6, 10])
    assert found.by_domain == {"sketch": 0.5, "photo": 1, "none": 1}
    assert list(found.by_guidance.items()) == [("2", 0.5), ("10", 1)]


def test_an_image_is_judged_by_the_words_of_its_own_prompt():
    plan = SamplePlan(load_recipe("merged"), CLASSES, 60)
    known = wordings(plan)
    assert {spec.prompt for spec in plan} == set(known)
    assert known["a sketch of an ankle boot"] == Wording("a sketch of a {class}", "sketch")
    assert known["ankle boot"] == Wording("{class}")
    assert known["an image of a bag"] == Wording("an image of a {class}")


@pytest.mark.parametrize("own", ["[old, red]", "{bag: [old], coat: [red], boot: [old, wet]}"])
def test_attributes_are_among_the_words_of_a_prompt(tmp_path, own):
    path = tmp_path / "mine.yaml"
    text = 'prompt: "a {domain} of a {attribute} {class}"\ndomains: [photo, icon]\n'
    path.write_text(f"{text}attributes: {own}\n")
    plan = SamplePlan(load_recipe(path), CLASSES, 4)
    known = wordings(plan)
    assert {spec.prompt for spec in plan} == set(known)
    assert known["an icon of an old bag"] == Wording("an icon of an old {class}", "icon")


def test_prompts_in_other_languages_are_not_held_against_their_words(tmp_path):
    path = tmp_path / "de.yaml"
    path.write_text('prompt: "ein Foto: {class}"\nlanguage: de\n')
    assert wordings(SamplePlan(load_recipe(path), CLASSES, 1)) == {}


class Words:
    """An encoder whose texts are vectors of one direction each, by a table."""

    def __init__(self, table):
        self.table = table

    def embed_texts(self, texts):
        return torch.eye(4)[[self.table[text] for text in texts]]


def test_each_template_has_texts_of_its_own():
    table = {"a photo of a coat": 0, "a photo of a bag": 1, "a photo of an ankle boot": 2}
    table |= {"coat": 1, "bag": 0, "ankle boot": 3}
    agreeing = Agreeing(Words(table), CLASSES)
    vectors = torch.eye(4)[[0, 1, 0, 3]]
    told = [PLAIN, PLAIN, Wording("{class}"), Wording("{class}")]
    assert agreeing.labels(vectors, told).tolist() == [0, 1, 1, 2]


SWAPPED = agreed([0] * 9 + [1] + [1] * 10 + [1] * 8 + [2] * 2, [0] * 10 + [1] * 10 + [2] * 10)


def test_a_class_whose_images_show_another_is_told_of():
    (one,) = suspicions(SWAPPED, NAMES, None)
    assert (one.class_name, one.shows, one.share, one.own) == ("boot", "bag", 0.8, 0.2)
    assert one.sentence("mine").startswith(
        "mine: 80% of the images of 'boot' look like 'bag', 20% like their own class"
    )


@pytest.mark.parametrize(("boots", "count"), [([1, 2, 2], 1), ([1, 1, 2], 0)])
def test_what_the_encoder_cannot_tell_in_real_images_either_is_not(boots, count):
    real = agreed([0, 0, 1, 1, *boots], [0, 0, 1, 1, 2, 2, 2])
    assert len(suspicions(SWAPPED, NAMES, real)) == count


def test_where_most_classes_do_not_agree_none_stands_out():
    found = agreed([1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2])
    assert not found.is_telling
    assert suspicions(found, NAMES, None) == ()


def test_a_class_that_is_spread_over_others_is_not_taken_for_one():
    found = agreed([0, 0, 1, 1, 0, 1, 2], [0, 0, 1, 1, 2, 2, 2])
    assert suspicions(found, NAMES, None) == ()
