"""Figures of answers that were made by hand."""

from dataclasses import astuple

import pytest
import torch

from zeroreal.run.probe.asking import Answers
from zeroreal.run.probe.changes.conditions import CORRUPTION, MARK, SHIFT, Condition
from zeroreal.run.probe.report import measuring
from zeroreal.run.probe.report.advice import advice_on

CLASSES = ("cat", "dog", "eel")
LABELS = torch.tensor([0, 0, 1, 1])
SHARES = torch.tensor(
    [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.9, 0.0], [0.4, 0.41, 0.19]]
)  # predicted: cat, dog, dog, dog


def conditions(*wanted):
    return tuple(Condition(*one, lambda images, numbers: images) for one in wanted)


@pytest.fixture
def answers():
    asked = conditions(
        *((CORRUPTION, "fog", level) for level in (1, 2, 3, 4, 5)),
        (SHIFT, "", 2),
        (MARK, "logo", 0),
    )
    predicted = torch.tensor(
        [
            [0, 1, 1, 1],  # 3 of 4
            [0, 0, 1, 1],  # 4
            [1, 1, 1, 1],  # 2
            [2, 2, 2, 1],  # 1
            [2, 2, 2, 2],  # 0
            [0, 0, 1, 1],  # one differs from what it was
            [2, 2, 1, 0],  # three differ
        ]
    )
    return Answers(asked, SHARES, predicted)


def test_a_corruption_has_its_means_over_severities_and_by_class(answers):
    (fog,) = measuring.corruption_figures(answers, LABELS)
    assert (fog.name, fog.family) == ("fog", "weather")
    assert fog.accuracies == (0.75, 1.0, 0.5, 0.25, 0.0)
    assert fog.accuracy == pytest.approx(0.5)
    assert fog.lost == pytest.approx(0.25)
    assert fog.per_class == (pytest.approx(0.3), pytest.approx(0.7), None)


def test_a_shift_changes_what_differs_from_before(answers):
    (shift,) = measuring.change_figures(answers, LABELS)
    assert (shift.kind, shift.level, shift.accuracy, shift.changed) == (SHIFT, 2, 1.0, 0.25)


def test_a_mark_tells_by_class_what_it_makes_of_images(answers):
    (mark,) = measuring.mark_figures(answers, LABELS, CLASSES)
    assert (mark.name, mark.accuracy, mark.changed) == ("logo", 0.25, 0.75)
    assert [astuple(row) for row in mark.per_class] == [
        ("cat", 2, 1.0, "eel", 1.0),
        ("dog", 2, 0.5, "cat", 0.5),
        ("eel", 0, None, None, None),
    ]


def test_a_mark_that_changes_nothing_takes_for_nothing():
    asked = conditions((MARK, "logo", 0))
    answers = Answers(asked, SHARES, SHARES.argmax(1)[None])
    (mark,) = measuring.mark_figures(answers, LABELS, CLASSES)
    assert (mark.per_class[0].changed, mark.per_class[0].taken_for) == (0.0, None)


def test_pairs_are_the_most_frequent_mistakes_the_surest_first():
    labels = torch.tensor([0, 0, 0, 1, 2])
    shares = torch.tensor(
        [[0.1, 0.6, 0.3], [0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9]]
    )
    found = measuring.confused_pairs(Answers((), shares, shares.argmax(1)[None]), labels, CLASSES)
    assert [(one.true, one.predicted, one.images, one.examples) for one in found] == [
        ("cat", "dog", 2, (2, 0)),
        ("dog", "cat", 1, (3,)),
    ]
    assert found[0].share == pytest.approx(2 / 3)


def test_the_nearest_have_the_least_margin(answers):
    found = measuring.nearest(answers, LABELS, CLASSES)
    assert [one.place for one in found] == [3, 1, 0, 2]
    first = found[0]
    assert (first.true, first.first, first.second) == ("dog", "dog", "cat")
    assert first.margin == pytest.approx(0.01)


def advice(answers, can_robustify=True):
    return advice_on(
        measuring.corruption_figures(answers, LABELS),
        measuring.change_figures(answers, LABELS),
        measuring.mark_figures(answers, LABELS, CLASSES),
        measuring.confused_pairs(answers, LABELS, CLASSES),
        can_robustify,
    )


def test_each_weakness_gets_a_sentence_and_a_remedy_where_one_is_known(answers):
    found = advice(answers)
    assert [one.weakness for one in found] == [
        "fog costs 25.0 points of accuracy, on average over severities",
        "25 % of the images moved by 2 pixels get another class",
        "a logo in a corner gives 100 % of the images of class 'cat' another class, mostly 'eel'",
        "50 % of class 'cat' are taken for 'dog'",
    ]
    assert "--robustify" in found[0].remedy
    assert [one.remedy for one in found[1:]] == [None] * 3
    assert advice(answers, can_robustify=False)[0].remedy is None


def test_a_classifier_that_bears_all_gets_no_advice():
    asked = conditions(*((CORRUPTION, "fog", level) for level in range(1, 6)), (MARK, "logo", 0))
    labels = SHARES.argmax(1)
    answers = Answers(asked, SHARES, labels.expand(6, -1))
    figures = measuring.corruption_figures(answers, labels)
    marks = measuring.mark_figures(answers, labels, CLASSES)
    assert advice_on(figures, (), marks, (), True) == ()
