"""Schedules against the papers' formulas and plain runs, coefficient by coefficient."""

import math

import diffusers
import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import load_scheduler
from zeroreal.export.model.read_schedule import schedule_of
from zeroreal.export.model.schedule import Schedule, Step, noise_levels

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # by diffusers

NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def ddim(kind=diffusers.DDIMScheduler, **config):
    return kind(**NOISE_SCHEDULE, clip_sample=False, **config)


def at(timestep):
    return Step(timestep, 1, 1, 1, 0, 0, 0, 0, False, ())


def test_the_euler_schedule_is_that_of_its_noise_levels():
    """x + (s' - s) o from noise of sqrt(s^2 + 1), the model sees x / sqrt(s^2 + 1)."""
    config = {**NOISE_SCHEDULE, "timestep_spacing": "leading", "steps_offset": 1}
    schedule = schedule_of(diffusers.EulerDiscreteScheduler(**config), 2)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    power = (1 - betas).cumprod(0)
    high, low = (float(((1 - power[t]) / power[t]) ** 0.5) for t in (501, 1))
    assert schedule.scheduler == "EulerDiscrete"
    assert schedule.initial_scale == pytest.approx(math.sqrt(high**2 + 1), rel=1e-4)
    assert schedule.timesteps.tolist() == [501, 1]
    expected = [
        [(high**2 + 1) ** -0.5, 1, low - high, 0, 0, 0, 0],
        [(low**2 + 1) ** -0.5, 1, -low, 0, 0, 0, 0],
    ]
    assert schedule.coefficients().dtype == torch.float32
    assert schedule.coefficients().tolist() == [pytest.approx(row, rel=1e-4) for row in expected]


def test_a_two_step_dpm_solver_weighs_the_clean_latents_before_and_now():
    """Algorithm 2 of arXiv 2211.01095, in the middle of a run of twenty steps.

    With l = log(alpha / sigma), h = l' - l, r = (l - l_before) / h and the clean latents D:
    x' = sigma' / sigma x - alpha' (e^-h - 1) ((1 + 1 / 2r) D - D_before / 2r).
    """
    schedule = schedule_of(diffusers.DPMSolverMultistepScheduler(**NOISE_SCHEDULE), 20)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    power = (1 - betas).cumprod(0)
    before, now, after = (float(power[int(schedule.steps[i].timestep)]) for i in (9, 10, 11))
    alpha = {"before": before**0.5, "now": now**0.5, "after": after**0.5}
    sigma = {name: math.sqrt(1 - value**2) for name, value in alpha.items()}
    level = {name: math.log(alpha[name] / sigma[name]) for name in alpha}
    h = level["after"] - level["now"]
    r = (level["now"] - level["before"]) / h
    factor = -alpha["after"] * math.expm1(-h)
    step, previous = schedule.steps[10], schedule.steps[9]
    weight = factor * (1 + 1 / (2 * r))
    assert step.latents == pytest.approx(
        sigma["after"] / sigma["now"] + weight / alpha["now"], rel=1e-3
    )
    assert step.output == pytest.approx(-weight * sigma["now"] / alpha["now"], rel=1e-3)
    carried = -factor / (2 * r)
    assert step.history * previous.carry_latents == pytest.approx(
        carried / alpha["before"], rel=1e-3
    )
    assert step.history * previous.carry_output == pytest.approx(
        -carried * sigma["before"] / alpha["before"], rel=1e-3
    )


def test_what_nobody_asks_for_is_not_carried():
    for step in schedule_of(ddim(), 5).steps:
        assert (step.history, step.carry_latents, step.carry_output, step.past) == (0, 0, 0, ())


def test_noise_levels_are_those_of_the_euler_scheduler():
    scheduler = load_scheduler(TINY_FASHION, "EulerDiscrete")
    schedule = schedule_of(scheduler, 6)
    scheduler.set_timesteps(6)
    expected = scheduler.sigmas[:-1].tolist()
    assert noise_levels(scheduler, schedule) == pytest.approx(expected, rel=1e-4)


def test_noise_levels_lie_on_lines_between_whole_timesteps():
    scheduler = ddim()
    # Levels 0, 1, 3: sqrt((1 - a) / a).
    scheduler.alphas_cumprod = torch.tensor([1.0, 0.5, 0.1])
    schedule = Schedule("DDIM", 1.0, tuple(at(time) for time in (2.0, 1.75, 1.0, 0.25, 0.0)))
    assert noise_levels(scheduler, schedule) == pytest.approx([3.0, 2.5, 1.0, 0.25, 0.0])


def test_the_level_of_noise_alone_is_infinite():
    zero_snr = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
    scheduler = ddim(**zero_snr, timestep_spacing="trailing")
    levels = noise_levels(scheduler, schedule_of(scheduler, 4))
    assert levels[0] == math.inf
    assert all(1 < levels[i] / levels[i + 1] < math.inf for i in range(1, 3))
    beside = Schedule("DDIM", 1.0, (at(998.0),))
    power = float(scheduler.alphas_cumprod[998])
    assert noise_levels(scheduler, beside) == pytest.approx([math.sqrt((1 - power) / power)])


class Bent(diffusers.DDIMScheduler):
    """Linear for outputs of 0 and 1, but a hundredth off elsewhere."""

    def step(self, model_output, timestep, sample, **options):
        bent = model_output + 0.01 * torch.sin(math.pi * model_output)
        return super().step(bent, timestep, sample, **options)


class Scaling(diffusers.DDIMScheduler):
    """The model sees something that is no multiple of the latents, but of 0 and 1."""

    def scale_model_input(self, sample, timestep=None):
        return sample**2


@pytest.mark.parametrize("kind", [Bent, Scaling])
def test_a_scheduler_that_is_nearly_linear_is_refused(kind):
    with pytest.raises(InputError, match=r"not a weighted sum of latents, .*: choose one known to"):
        schedule_of(ddim(kind), 4)


class Drawing(diffusers.DDIMScheduler):
    """Draws from the images' generators without using it."""

    def step(self, model_output, timestep, sample, generator=None):
        torch.rand(1, generator=generator[0] if isinstance(generator, list) else generator)
        return super().step(model_output, timestep, sample)


class Wordy(diffusers.DDIMScheduler):
    def step(self, model_output, timestep, sample):
        raise RuntimeError("no\n  " + "x" * 400)


class Silent(diffusers.DDIMScheduler):
    def step(self, model_output, timestep, sample):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Drawing, r"\(it draws random numbers other than one normal noise a step\)"),
        (Wordy, r"\(no x{297}\)"),
        (Silent, r"\(NotImplementedError\)"),
    ],
)
def test_why_a_scheduler_cannot_be_read_is_said_in_one_line(kind, reason):
    with pytest.raises(InputError, match=f"{kind.__name__} with steps=3 cannot be read {reason}"):
        schedule_of(ddim(kind), 3)


@pytest.mark.parametrize("steps", [1, 10])
def test_as_many_steps_as_the_model_was_trained_on_are_the_most(steps):
    assert len(schedule_of(ddim(num_train_timesteps=10), steps).steps) == steps
    with pytest.raises(InputError, match=r"steps=11 .* give 1 to 10, its num_train_timesteps"):
        schedule_of(ddim(num_train_timesteps=10), 11)
