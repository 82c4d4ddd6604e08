"""Schedules of the schedulers as models ship them."""

import itertools
import json

import diffusers
import pytest

from zeroreal.assets import TINY_FASHION

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # by diffusers


NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


TINY_CONFIG = json.loads((TINY_FASHION / "scheduler" / "scheduler_config.json").read_text())


# Schedulers as the models ship them.
SHIPPED = {
    "SD 1.5": (
        "PNDM",
        {**NOISE_SCHEDULE, "skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1},
    ),
    "SD 2.1": (
        "DDIM",
        {
            **NOISE_SCHEDULE,
            "prediction_type": "v_prediction",
            "clip_sample": False,
            "set_alpha_to_one": False,
            "steps_offset": 1,
        },
    ),
    "SD-Turbo": (
        "EulerDiscrete",
        {**NOISE_SCHEDULE, "timestep_spacing": "trailing", "steps_offset": 1},
    ),
    "SDXL-Turbo": (
        "EulerAncestralDiscrete",
        {**NOISE_SCHEDULE, "timestep_spacing": "trailing", "steps_offset": 1},
    ),
    "LCM": ("LCM", {**NOISE_SCHEDULE, "steps_offset": 1, "original_inference_steps": 50}),
    "tiny-fashion": ("DPMSolverMultistep", TINY_CONFIG),
}


def shipped(model):
    name, config = SHIPPED[model]
    return getattr(diffusers, f"{name}Scheduler").from_config(config)


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        *itertools.product(["SD 1.5", "SD 2.1", "LCM", "tiny-fashion"], [1, 4, 20, 50]),
        *itertools.product(["SD-Turbo", "SDXL-Turbo"], [1, 2, 3, 4]),
    ],
)
def test_schedulers_as_models_ship_them_are_followed(model, steps, assert_same_run):
    assert_same_run(shipped(model), steps)
