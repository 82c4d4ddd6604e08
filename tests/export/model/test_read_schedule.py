"""Schedules against the runs of the `diffusers` schedulers that they are read off."""

import importlib.util

import diffusers
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # by diffusers


NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


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


@pytest.mark.parametrize("steps", [4, 20, 50])
@pytest.mark.parametrize(("name", "config"), CASES)
def test_coefficients_lead_where_the_scheduler_leads(name, config, steps, assert_same_run):
    assert_same_run(scheduler(name, **config), steps)


@pytest.mark.skipif(not importlib.util.find_spec("scipy"), reason="LMSDiscrete needs scipy")
@pytest.mark.parametrize("steps", [4, 20, 50])
@pytest.mark.parametrize(("name", "config"), LMS)
def test_coefficients_lead_where_lms_leads(name, config, steps, assert_same_run):
    assert_same_run(scheduler(name, **config), steps)
