"""Runs by a scheduler of `diffusers` and by a schedule, compared."""

import inspect
import math

import pytest
import torch

from zeroreal.export.model.read_schedule import schedule_of


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


@pytest.fixture(name="assert_same_run", scope="session")
def _assert_same_run():
    return assert_same_run
