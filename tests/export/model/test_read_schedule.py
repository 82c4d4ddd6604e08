"""Schedules against the runs of the `diffusers` schedulers that they are read off."""

import importlib.util
import inspect
import itertools
import json
import math

import diffusers
import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export.model.read_schedule import schedule_of

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


def case(name, **config):
    """A scheduler's name and configuration, with a readable test id."""
    changed = [f"{key}={value}" for key, value in config.items()]
    return pytest.param(name, config, id="-".join([name, *changed]))


DPM = "DPMSolverMultistep"


CASES = [
    case("DDIM", clip_sample=False),
    case("DDIM", clip_sample=False, prediction_type="sample"),
    case(
        "DDIM",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    ),
    case("DDPM", clip_sample=False),
    case("DDPM", clip_sample=False, prediction_type="v_prediction"),
    case("EulerDiscrete"),
    case("EulerDiscrete", prediction_type="v_prediction"),
    case("EulerDiscrete", use_karras_sigmas=True),
    case("EulerAncestralDiscrete"),
    case("EulerAncestralDiscrete", prediction_type="v_prediction"),
    case(DPM),
    case(DPM, prediction_type="v_prediction"),
    case(DPM, prediction_type="sample"),
    case(DPM, use_karras_sigmas=True),
    case(DPM, euler_at_final=True),
    case(DPM, use_lu_lambdas=True),
    case(DPM, final_sigmas_type="sigma_min", lower_order_final=False),
    case(DPM, solver_order=3),
    case(DPM, algorithm_type="sde-dpmsolver++"),
    case("DPMSolverSinglestep"),
    case("PNDM"),
    case("PNDM", skip_prk_steps=True, prediction_type="v_prediction"),
    case("UniPCMultistep"),
    case("UniPCMultistep", solver_order=3, prediction_type="v_prediction"),
    case("DEISMultistep"),
    case("DEISMultistep", solver_order=3, prediction_type="v_prediction"),
    case("HeunDiscrete"),
    case("HeunDiscrete", prediction_type="v_prediction", use_karras_sigmas=True),
    case("KDPM2Discrete"),
    case("KDPM2AncestralDiscrete"),
]


LMS = [case("LMSDiscrete"), case("LMSDiscrete", prediction_type="v_prediction")]


def predict(inputs, timestep):
    """A stand-in for a UNet, elementwise, of slope 0 to 1: runs that part only by rounding stay."""
    return 0.5 * torch.sin(inputs + 0.003 * float(timestep)) + 0.5 * inputs


def seeded(images=3):
    return [torch.Generator().manual_seed(seed) for seed in range(images)]


def noise_of(generators):
    return torch.cat([torch.randn(1, 4, 3, 5, generator=generator) for generator in generators])


def run_scheduler(scheduler, steps, generators):
    """All latents of a run as the `diffusers` pipelines do it."""
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": generators} if takes_generator else {}
    scheduler.set_timesteps(steps)
    trajectory = [noise_of(generators) * scheduler.init_noise_sigma]
    for timestep in scheduler.timesteps:
        inputs = scheduler.scale_model_input(trajectory[-1], timestep)
        output = predict(inputs, timestep)
        result = scheduler.step(output, timestep, trajectory[-1], **extra)
        trajectory.append(result.prev_sample)
    return trajectory


def run_schedule(schedule, generators):
    """All latents of a run by the coefficients, as a denoise graph and the loop around it do it."""
    latents = noise_of(generators) * schedule.initial_scale
    trajectory, carries = [latents], []
    carry = torch.zeros_like(latents)
    rows = zip(schedule.steps, schedule.coefficients(), schedule.timesteps, strict=True)
    for step, coefficients, timestep in rows:
        c_in, k_x, k_o, k_h, k_n, a_x, a_o = coefficients
        history = carry
        if step.past:
            history = sum(
                term.latents * trajectory[term.step] + term.carry * carries[term.step]
                for term in step.past
            )
        noise = noise_of(generators) if step.draws_noise else torch.zeros_like(latents)
        output = predict(c_in * latents, timestep)
        carry = a_x * latents + a_o * output
        latents = k_x * latents + k_o * output + k_h * history + k_n * noise
        trajectory.append(latents)
        carries.append(carry)
    return trajectory


def assert_same_run(scheduler, steps):
    """Every latents within 1e-5 of their largest value, and generators left in the same state."""
    schedule = schedule_of(scheduler, steps)
    theirs, ours = seeded(), seeded()
    expected = run_scheduler(scheduler, steps, theirs)
    given = run_schedule(schedule, ours)
    assert len(given) == len(expected)
    for step, (one, other) in enumerate(zip(given, expected, strict=True)):
        size = float(other.abs().max())
        assert math.isfinite(size)
        assert float((one - other).abs().max()) <= 1e-5 * size, f"latents {step}"
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.parametrize("steps", [4, 20, 50])
@pytest.mark.parametrize(("name", "config"), CASES)
def test_coefficients_lead_where_the_scheduler_leads(name, config, steps):
    assert_same_run(scheduler(name, **config), steps)


@pytest.mark.skipif(not importlib.util.find_spec("scipy"), reason="LMSDiscrete needs scipy")
@pytest.mark.parametrize("steps", [4, 20, 50])
@pytest.mark.parametrize(("name", "config"), LMS)
def test_coefficients_lead_where_lms_leads(name, config, steps):
    assert_same_run(scheduler(name, **config), steps)


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        *itertools.product(["SD 1.5", "SD 2.1", "LCM", "tiny-fashion"], [1, 4, 20, 50]),
        *itertools.product(["SD-Turbo", "SDXL-Turbo"], [1, 2, 3, 4]),
    ],
)
def test_schedulers_as_models_ship_them_are_followed(model, steps):
    assert_same_run(shipped(model), steps)
