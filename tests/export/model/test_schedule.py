"""Schedules against the `diffusers` schedulers that they come from, with a model that is no sum."""

import importlib.util
import inspect
import itertools
import json
import math

import diffusers
import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
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


def test_the_scheduler_is_left_as_it_was():
    untouched = scheduler(DPM)
    schedule_of(untouched, 20)
    assert untouched.num_inference_steps is None
    assert untouched.step_index is None


@pytest.mark.parametrize(
    ("name", "config", "steps", "complaint"),
    [
        (DPM, {"thresholding": True}, 20, "set thresholding to false"),
        ("DDIM", {"clip_sample": True}, 20, "DDIM .* set clip_sample to false"),
        ("DDPM", {"clip_sample_range": 50.0}, 20, "set clip_sample to false"),
        ("SASolver", {}, 20, "SASolver .*cannot be read .*noise.* known to work .*DDIM"),
        ("UniPCMultistep", {"solver_type": "bh1"}, 4, "not finite"),
        ("PNDM", {}, 2, "PNDM with steps=2 cannot be read .*another number"),
        ("DDIM", {}, 0, "steps=0 .*give 1 to 1000"),
        ("EulerDiscrete", {}, 1001, "steps=1001 .*give 1 to 1000"),
        ("LCM", {}, 51, "steps=51 .*LCM.*give 1 to 50, its original_inference_steps"),
    ],
)
def test_what_cannot_be_said_in_coefficients_is_refused(name, config, steps, complaint):
    with pytest.raises(InputError, match=complaint):
        schedule_of(scheduler(name, **config), steps)


def test_a_scheduler_of_another_kind_is_refused():
    with pytest.raises(InputError, match=r"FlowMatchEulerDiscrete .* known to work"):
        schedule_of(diffusers.FlowMatchEulerDiscreteScheduler(), 4)


class _Squaring(diffusers.DDIMScheduler):
    def step(self, model_output, timestep, sample, **options):
        return super().step(model_output**2, timestep, sample, **options)


class _Shuffling(diffusers.DDIMScheduler):
    def step(self, model_output, timestep, sample, **options):
        return super().step(model_output, timestep, sample.roll(1, dims=-1), **options)


@pytest.mark.parametrize("kind", [_Squaring, _Shuffling])
def test_a_scheduler_that_only_looks_linear_is_found_out(kind):
    with pytest.raises(InputError, match="no weighted sum"):
        schedule_of(kind(**NOISE_SCHEDULE, clip_sample=False), 4)
