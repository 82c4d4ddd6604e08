"""What is not handed out."""

from dataclasses import replace

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.export.classifier.gate import Case, check, compare

EXPECTED = np.full((100, 4), 0.1, np.float32)
EXPECTED[range(100), np.arange(100) % 4] = 0.7
CASE = Case("cards", np.zeros((100, 2, 2, 3), np.uint8), EXPECTED, np.zeros(100, np.int64))


class Answers:
    """A file that gives these probabilities, whatever the images."""

    def __init__(self, probabilities):
        self.rest = probabilities

    def __call__(self, images):
        found, self.rest = self.rest[: len(images)], self.rest[len(images) :]
        return found, None


def with_mistakes(count):
    found = EXPECTED.copy()
    found[:count] = np.roll(found[:count], 1, 1)
    return compare(Answers(found), CASE)


def test_figures_are_counted():
    found = with_mistakes(3)
    assert (found.images, found.agreeing, found.classes) == (100, 97, 4)
    assert found.largest_difference == pytest.approx(0.6)
    assert found.mean_difference == pytest.approx(3 * 2 * 0.6 / 400)
    assert found.accuracy == 0.24  # every fourth is of class 0, and the first no longer


@pytest.mark.parametrize(("target", "mistakes"), [("int8", 3), ("onnx", 0), ("torch", 0)])
def test_a_file_that_agrees_enough_passes(target, mistakes):
    check(target, [with_mistakes(mistakes)])


@pytest.mark.parametrize(("target", "mistakes"), [("int8", 4), ("onnx", 1), ("torch", 1)])
def test_a_file_that_agrees_too_little_is_refused_with_figures(target, mistakes):
    with pytest.raises(InputError, match=rf"{100 - mistakes} of 100 on cards.*0\.6 apart.*at 9 dB"):
        check(target, [with_mistakes(mistakes)], lossy=lambda: [("network.conv/Conv_1", 9.1)])


def test_the_images_of_all_cases_count():
    large = replace(with_mistakes(0), images=1000, agreeing=1000)
    check("onnx", [with_mistakes(1), large])


def test_what_is_no_number_is_refused():
    found = EXPECTED.copy()
    found[5, 0] = np.nan  # which is not the likeliest
    found[5, 1] = 2
    with pytest.raises(InputError, match="inf apart"):
        check("int8", [compare(Answers(found), CASE)])


def test_one_class_for_everything_is_refused():
    one = replace(with_mistakes(0), classes=1)
    with pytest.raises(InputError, match="one class for all 100 images of cards, PyTorch 4"):
        check("onnx", [one])
    check("onnx", [replace(one, expected_classes=1)])


def test_an_int8_file_in_floats_is_refused():
    check("int8", [with_mistakes(0)], 0.5)
    with pytest.raises(InputError, match="49 % are in 8 bits"):
        check("int8", [with_mistakes(0)], 0.49)


def rejecting(mistakes):
    """What a file that rejects half of the images is worth, with so many mistakes."""
    wanted = np.arange(100) % 2 == 0
    answers, found = Answers(EXPECTED), Answers(wanted ^ (np.arange(100) < mistakes))
    case = replace(CASE, rejected=wanted)
    return compare(lambda images: (answers(images)[0], found(images)[0]), case)


@pytest.mark.parametrize(("target", "most"), [("onnx", 1), ("torch", 1), ("int8", 5)])
def test_a_file_must_reject_as_pytorch_does(target, most):
    assert rejecting(most).rejected_alike == 100 - most
    check(target, [rejecting(most), with_mistakes(0)])
    with pytest.raises(InputError, match=f"for {99 - most} of 100 images"):
        check(target, [rejecting(most + 1), with_mistakes(0)])
