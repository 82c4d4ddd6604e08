"""Schedules: known coefficients, and what they keep."""

import json
import math

import diffusers
import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export.model.read_schedule import schedule_of
from zeroreal.export.model.schedule import Schedule

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


def scheduler(name, **config):
    return getattr(diffusers, f"{name}Scheduler")(**NOISE_SCHEDULE, **config)


DPM = "DPMSolverMultistep"


def alpha_bars():
    """Cumulative signal power of Stable Diffusion's noise schedule, float64 [1000]."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def test_ddim_coefficients_are_those_of_the_paper():
    """Equation 12 of arXiv 2010.02502 with sigma 0, at every 250th timestep."""
    steps = schedule_of(scheduler("DDIM", clip_sample=False, steps_offset=1), 4).steps
    assert [step.timestep for step in steps] == [751, 501, 251, 1]
    powers = [float(alpha_bars()[t]) for t in (751, 501, 251, 1)] + [1.0]
    for step, now, after in zip(steps, powers, powers[1:], strict=False):
        assert step.latents == pytest.approx(math.sqrt(after / now), rel=1e-5)
        kept_noise = math.sqrt(1 - after) - math.sqrt(after * (1 - now) / now)
        assert step.output == pytest.approx(kept_noise, rel=1e-5)
        assert (step.history, step.noise, step.past, step.draws_noise) == (0, 0, (), False)


def test_dpm_solver_2m_carries_its_prediction_of_the_clean_latents():
    """x0 = (x - sigma o) / alpha, the one thing that algorithm 2 of arXiv 2211.01095 remembers."""
    schedule = schedule_of(scheduler(DPM), 20)
    powers = [float(alpha_bars()[int(step.timestep)]) for step in schedule.steps]
    used = schedule.steps[:18]  # the last step is of first order: nobody asks for the last two
    for step, power in zip(used, powers, strict=False):
        ratio = step.carry_output / step.carry_latents
        assert ratio == pytest.approx(-math.sqrt(1 - power), rel=1e-4)
    assert [step.history != 0 for step in schedule.steps] == [False] + [True] * 18 + [False]
    assert not any(step.past for step in schedule.steps)


@pytest.mark.parametrize(
    ("name", "config", "most"),
    [
        (DPM, {"solver_order": 3}, 2),
        ("PNDM", {"skip_prk_steps": True}, 3),
        ("UniPCMultistep", {}, 3),
        ("HeunDiscrete", {}, 0),
        ("KDPM2Discrete", {}, 0),
    ],
)
def test_a_step_remembers_few_earlier_ones(name, config, most):
    steps = schedule_of(scheduler(name, **config), 50).steps
    assert max(len(step.past) for step in steps) == most
    assert all(term.step < i for i, step in enumerate(steps) for term in step.past)


def test_lcm_draws_no_noise_in_its_last_step():
    assert [step.draws_noise for step in schedule_of(shipped("LCM"), 4).steps] == [True] * 3 + [
        False
    ]


def test_a_draw_of_no_weight_is_a_draw():
    last = schedule_of(shipped("SDXL-Turbo"), 4).steps[-1]
    assert last.noise == 0
    assert last.draws_noise


def test_timesteps_may_be_fractions():
    times = schedule_of(scheduler("EulerDiscrete", use_karras_sigmas=True), 20).timesteps
    assert times.dtype == torch.float32
    assert (times != times.round()).any()


def test_a_schedule_survives_json():
    schedule = schedule_of(shipped("SD 1.5"), 20)
    assert Schedule.from_dict(json.loads(json.dumps(schedule.as_dict()))) == schedule
