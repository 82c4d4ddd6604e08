"""How far images are apart, by hand."""

import math

import numpy as np
import pytest

from zeroreal.benchmarks.latency.guard import likeness, reference_of
from zeroreal.benchmarks.latency.job import LatencyJob
from zeroreal.benchmarks.latency.summary import guard_reasons
from zeroreal.generate import GenerateSettings


def images(*values):
    return np.stack([np.full((2, 2, 3), value, np.uint8) for value in values])


def test_the_ratio_is_that_of_all_images_and_of_the_worst():
    found = likeness(images(10, 0), images(10, 4))
    assert found.psnr == pytest.approx(20 * math.log10(255) - 10 * math.log10(8))
    assert found.lowest_psnr == pytest.approx(20 * math.log10(255) - 10 * math.log10(16))
    assert found.mean_differences == (0, 4)
    assert found.largest_differences == (0, 4)


def test_differences_do_not_wrap_around():
    assert likeness(images(0), images(255)).largest_differences == (255,)
    assert likeness(images(0), images(255)).psnr == pytest.approx(0)


def test_the_same_images_have_no_noise():
    found = likeness(images(3, 4), images(3, 4))
    assert (found.psnr, found.lowest_psnr) == (None, None)
    assert guard_reasons(found, 20) == []


def test_a_fast_wrong_engine_cannot_win():
    (reason,) = guard_reasons(likeness(images(0), images(255)), 20)
    assert reason == "the images are not the reference's: PSNR 0.0 dB, 20 dB is the least"


def test_images_that_only_one_makes_are_a_reason():
    (reason,) = guard_reasons(likeness(images(3), images(3), missing=2), 20)
    assert reason.startswith("2 images are pictures by only one")


def test_the_reference_is_eager_in_fp32_and_makes_the_same_images():
    settings = GenerateSettings(
        model="export", engine="onnxruntime", precision="bf16", steps=5, deep_cache=2
    )
    settings = reference_of(LatencyJob(settings, "cpu", "base"), "model").settings
    assert (settings.engine, settings.precision, settings.attention) == ("torch", "fp32", "math")
    assert (settings.cuda_graphs, settings.tune, settings.model) == (False, "off", "model")
    assert (settings.steps, settings.deep_cache) == (5, 2)
