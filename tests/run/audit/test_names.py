"""Class names that are alike, and what a dictionary says of them."""

import pytest
import torch
from small_wordnet import tiny_wordnet

from zeroreal.generate import parse_classes
from zeroreal.run.audit.names import name_pairs, senses

CLASSES = parse_classes(["crane", "heron", "lorry", "zzz"])


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    with tiny_wordnet(tmp_path_factory.mktemp("nltk_data")) as found:
        yield found


def test_the_nearest_names_come_first_with_what_both_are(wordnet):
    weights = torch.tensor([[1.0, 0], [0.8, 0.6], [0, 1.0], [-1.0, 0]])
    pairs = name_pairs(weights, CLASSES, wordnet)
    assert [(pair.first, pair.second) for pair in pairs[:2]] == [
        ("crane", "heron"),
        ("heron", "lorry"),
    ]
    assert pairs[0].cosine == pytest.approx(0.8)
    assert (pairs[0].hypernym, pairs[1].hypernym) == ("bird", "object")
    assert pairs[-1].hypernym is None  # 'zzz' is no word
    assert len(pairs) == 6


def test_a_name_of_several_meanings_is_told_with_all_of_them(wordnet):
    (one,) = senses(CLASSES, wordnet)
    assert (one.class_name, one.count) == ("crane", 2)
    assert one.glosses == (
        "bird: large long-necked wading bird",
        "object: lifts and moves heavy objects",
    )


def test_without_a_dictionary_names_are_compared_all_the_same():
    (pair,) = name_pairs(torch.eye(2), CLASSES[:2], None)
    assert (pair.cosine, pair.hypernym) == (0, None)
    assert senses(CLASSES, None) == ()
