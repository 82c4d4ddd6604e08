"""The coefficients that make a denoising step give the error of the noise."""

import math

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate.diffusion_classifier.levels import error_coefficients, levels_of

LATENT, NOISE, OFF = 0.7, -1.3, 0.25  # an image's latent, its noise, and what the model is off by
ALPHA = 0.36  # signal 0.6, noise 0.8
NOISED = 0.6 * LATENT + 0.8 * NOISE


@pytest.mark.parametrize(
    ("prediction_type", "output", "expected"),
    [
        ("epsilon", NOISE + OFF, OFF),
        ("v_prediction", 0.6 * NOISE - 0.8 * LATENT + OFF, 0.6 * OFF),
        ("sample", LATENT + OFF, -0.75 * OFF),
    ],
)
def test_a_step_gives_how_far_off_the_noise_is(prediction_type, output, expected):
    c = error_coefficients(prediction_type, ALPHA)
    assert c[0] == 1
    assert c[1] * NOISED + c[2] * output + c[3] * NOISE == pytest.approx(expected)
    assert c[4:] == (0, 0, 0)


def test_an_unknown_prediction_type_is_refused():
    with pytest.raises(InputError, match="unknown prediction type 'flow'"):
        error_coefficients("flow", ALPHA)


def test_levels_follow_the_models_own_schedule():
    # Of scaled linear betas from 0.00085 to 0.012, by hand.
    betas = [(0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * t / 999) ** 2 for t in range(1000)]
    levels = levels_of(TINY_FASHION, "epsilon", [700, 20], torch.device("cpu"))
    assert [(level.turn, level.timestep) for level in levels] == [(0, 700), (1, 20)]
    for level in levels:
        alpha = math.prod(1 - beta for beta in betas[: level.timestep + 1])
        assert level.signal == pytest.approx(alpha**0.5, rel=1e-4)
        assert level.signal**2 + level.spread**2 == pytest.approx(1)
        assert level.told.tolist() == [level.timestep]
