"""Generation whose engines fail: out of memory, or with images that are none."""

import logging
from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError


class Failing:
    """An engine in whose place another fails for a while: memory, or values that are none."""

    def __init__(self, engine, fails):
        self.engine, self.fails, self.calls = engine, fails, 0
        self.spec, self.profile, self.device = engine.spec, engine.profile, engine.device

    def __call__(self, inputs, outputs=None):
        self.calls += 1
        return self.fails(self.engine, inputs, outputs)


def with_engine(ours, name, fails):
    """`ours`, with its engine `name` failing as told."""
    failing = Failing(getattr(ours.engines, name), fails)
    if name == "text_encoder":
        ours.text._engine = failing
    elif name == "denoise":
        ours._sampler._steps = replace(ours._sampler._steps, engine=failing)
    else:
        ours._decoder._engine = failing
    return ours


def test_out_of_memory_halves_the_batch_is_said_once_and_loses_no_image(
    caplog, generator, specs, difference
):
    def fails(engine, inputs, outputs):
        if len(inputs["latents"]) > 3:
            raise torch.OutOfMemoryError("injected")
        return engine(inputs, outputs)

    wanted = specs(count=10)
    expected, labels = generator().images(wanted)
    ours = with_engine(generator(batch_size=10), "denoise", fails)
    with caplog.at_level(logging.WARNING):
        images, found_labels = ours.images(wanted)
    assert difference(images, expected).max() <= 1
    assert torch.equal(found_labels, labels)
    assert ours.batch_size == 2
    told = [record.getMessage() for record in caplog.records]
    assert [text.rpartition(" ")[2] for text in told] == ["5", "2"]


@pytest.mark.parametrize("name", ["text_encoder", "vae_decoder"])
def test_running_out_of_memory_beside_denoising_loses_no_image_either(
    name, generator, specs, difference
):
    """A neighbour takes the memory for the first two calls."""

    def fails(engine, inputs, outputs):
        tries.append(None)
        if len(tries) <= 2:
            raise torch.OutOfMemoryError("injected")
        return engine(inputs, outputs)

    tries = []
    wanted = specs(count=10)
    expected, labels = generator().images(wanted)
    ours = with_engine(generator(batch_size=8), name, fails)
    images, found_labels = ours.images(wanted)
    assert difference(images, expected).max() <= 1
    assert torch.equal(found_labels, labels)
    assert len(tries) > 2


def test_one_image_that_does_not_fit_gets_one_sentence(generator, specs):
    def fails(engine, inputs, outputs):
        raise torch.OutOfMemoryError("injected")

    with pytest.raises(InputError, match="one image of 32x32 pixels does not fit"):
        with_engine(generator(), "denoise", fails).images(specs(count=3))


def test_an_error_that_is_not_of_memory_is_not_hidden(generator, specs):
    def fails(engine, inputs, outputs):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        with_engine(generator(), "denoise", fails).images(specs(count=3))


def spoil(rows, times, value=float("nan")):
    """Decoding in which the first images of the first `times` batches are of one `value`."""
    done = []

    def fails(engine, inputs, outputs):
        images = engine(inputs, outputs)["images"].clone()
        if len(done) < times:
            images[:rows] = value
        done.append(len(images))
        return {"images": images}

    return fails


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "nan"),
        (float("inf"), "nan"),
        (0.3, "blank"),
        (torch.arange(32) % 2 * 6.0 - 3, "saturated"),  # stripes
    ],
)
def test_an_image_that_is_none_is_made_again_from_other_noise(
    value, reason, generator, specs, difference
):
    wanted = specs(count=6)
    expected, _ = generator().images(wanted)
    ours = with_engine(generator(), "vae_decoder", spoil(2, 1, value))
    batches = list(ours.generate(wanted))
    found = {spec.index: image for b in batches for spec, image in zip(b.specs, b.images, strict=1)}
    assert sorted(found) == sorted(spec.index for spec in wanted)
    distances = [difference(found[spec.index], expected[i]) for i, spec in enumerate(wanted)]
    assert sum(bool(distance.max() > 3) for distance in distances) == 2
    assert ours.rejected == []
    told = [attempts for batch in batches for attempts in batch.rejections]
    assert sorted(told) == [()] * 4 + [(reason,)] * 2


def test_an_image_that_is_none_twice_is_left_out_and_reported(caplog, generator, specs):
    wanted = specs(count=6)
    ours = with_engine(generator(), "vae_decoder", spoil(rows=2, times=2))
    with caplog.at_level(logging.WARNING):
        made = [spec.index for batch in ours.generate(wanted) for spec in batch.specs]
    rejected = [spec.index for spec in ours.rejected]
    assert len(rejected) == 2
    assert ours.rejections == [("nan", "nan")] * 2
    assert sorted(made + rejected) == sorted(spec.index for spec in wanted)
    assert f"samples {rejected[0]}, {rejected[1]}" in caplog.records[-1].getMessage()


def test_a_model_that_makes_no_image_at_all_is_an_error(generator, specs):
    ours = with_engine(generator(batch_size=40, steps=1), "vae_decoder", spoil(99, 99))
    with pytest.raises(InputError, match="all blank, saturated or not finite in precision float32"):
        list(ours.generate(specs("base", count=40)))
