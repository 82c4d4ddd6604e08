"""Which images a run is calibrated on, with a model that paints what its prompt says."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.generate import ClassName, ImageBatch, load_recipe
from zeroreal.run.calibration.images import (
    CLASSES,
    DEGRADED,
    MIXED,
    OFF,
    PAIRS,
    THINGS,
    ImageMaker,
)

COLOURS = {"red": 0, "green": 1, "blue": 2}
PAINTS = tuple(ClassName(name, name) for name in COLOURS)


class Painter:
    """Paints images of the colours that stand in prompts, black for other things."""

    batch_size = 4

    def __init__(self):
        self.prompts, self.seeds = [], []

    def generate(self, specs):
        for begin in reversed(range(0, len(specs), self.batch_size)):  # in an order of its own
            batch = specs[begin : begin + self.batch_size]
            self.prompts += [spec.prompt for spec in batch]
            self.seeds += [spec.seed for spec in batch]
            images = torch.zeros(len(batch), 8, 8, 3, dtype=torch.uint8)
            for row, spec in enumerate(batch):
                for name, channel in COLOURS.items():
                    images[row, :, :, channel] = 200 * (name in spec.prompt)
            labels = torch.tensor([spec.label for spec in batch])
            yield ImageBatch(tuple(batch), images, labels)


def colour_logits(images):
    """The mean of each channel, of 0 to 1."""
    return images.float().mean((1, 2)) / 255


def maker(things=(), generator=None, told=None):
    classifier = SimpleNamespace(card=SimpleNamespace(image_size=8), logits=colour_logits)
    tell = (lambda images: None) if told is None else told.append
    return ImageMaker(generator or Painter(), classifier, load_recipe("base"), PAINTS, things, tell)


def test_every_kind_is_there_and_those_of_the_classes_have_labels():
    painter, told = Painter(), []
    things = (ClassName("oak", "oak"), ClassName("elm", "elm"))
    found = maker(things, painter, told).answers(5, 6, seed=0)
    assert found.keys() == {CLASSES, DEGRADED, *OFF}
    assert [len(found[kind].logits) for kind in (CLASSES, DEGRADED, *OFF)] == [15, *[6] * 7]
    assert sum(told) == len(painter.prompts) == 15 + 6 + 6
    for kind in (CLASSES, DEGRADED):
        assert torch.equal(found[kind].labels, found[kind].logits.argmax(1))
    assert found[CLASSES].labels.tolist() == [0, 1, 2] * 5
    assert all(len(found[kind].labels) == 0 for kind in OFF)


@pytest.mark.parametrize("kind", [MIXED, PAIRS])
def test_what_is_between_classes_shows_two_of_them(kind):
    found = maker().answers(2, 5, seed=0)[kind]
    assert (found.logits > 0.1).sum(1).tolist() == [2] * 5


def test_other_things_are_none_of_the_colours():
    found = maker((ClassName("oak", "oak"),)).answers(2, 3, seed=0)[THINGS]
    assert found.logits.amax() == 0


def test_without_things_none_are_asked_for():
    painter = Painter()
    assert THINGS not in maker((), painter).answers(2, 3, seed=0)
    assert all(any(name in prompt for name in COLOURS) for prompt in painter.prompts)


def test_another_seed_has_other_noise():
    one, other = Painter(), Painter()
    maker((), one).answers(2, 3, seed=0)
    maker((), other).answers(2, 3, seed=1)
    assert not set(one.seeds) & set(other.seeds)


def test_a_model_that_paints_nothing_is_told():
    class Blank:
        def generate(self, specs):
            return iter(())

    with pytest.raises(InputError, match="every image was blank"):
        maker(generator=Blank()).answers(2, 3, seed=0)
