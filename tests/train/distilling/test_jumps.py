"""Jumps against `diffusers`' DDIM, whose step is the exact move that they are made of."""

import pytest
import torch
from diffusers import DDIMScheduler

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.train.distilling.jumps import draw_jumps, kept_steps, plan_jumps, targets

STUDENT = {n: schedule_of(load_scheduler(TINY_FASHION, "DDIM:trailing"), n) for n in (4, 2, 1)}
TEACHER = schedule_of(load_scheduler(TINY_FASHION, "DPMSolverMultistep:trailing"), 12)
SHARES = {4: 1.0, 2: 0.7, 1: 0.5}


def test_latents_are_kept_where_a_jump_begins_or_ends():
    assert kept_steps(STUDENT, TEACHER) == [0, 3, 6, 9, 12]


def test_every_number_of_steps_leads_from_noise_to_the_end_without_a_gap():
    jumps = plan_jumps(STUDENT, TEACHER, SHARES)
    paths = [
        [(jump.begin, jump.end) for jump in part] for part in (jumps[:4], jumps[4:6], jumps[6:])
    ]
    assert paths == [[(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 2), (2, 4)], [(0, 4)]]


def test_jumps_of_several_lengths_from_one_point_have_timesteps_of_their_own():
    jumps = plan_jumps(STUDENT, TEACHER, SHARES)
    assert len({jump.timestep for jump in jumps}) == len(jumps)
    assert [jump.timestep for jump in jumps[:4]] == [999, 749, 499, 249], "as plain DDIM has them"


@pytest.mark.parametrize("number", range(7))
def test_the_target_of_a_jump_makes_the_step_of_diffusers_land_on_its_end(number):
    jump = plan_jumps(STUDENT, TEACHER, SHARES)[number]
    steps = (4, 4, 4, 4, 2, 2, 1)[number]
    begin, end = torch.randn((2, 3, 4, 8, 8), generator=torch.Generator().manual_seed(number))
    latents, output = (torch.full((3,), value) for value in (jump.latents, jump.output))
    target = targets(begin, end, latents, output)
    config = load_scheduler(TINY_FASHION, "DDIM:trailing").config
    scheduler = DDIMScheduler.from_config(config)
    scheduler.set_timesteps(steps)
    timestep = int(jump.timestep - {4: 0, 2: 5, 1: 10}[steps])
    landed = scheduler.step(target, timestep, begin).prev_sample
    assert torch.allclose(landed, end, atol=1e-4)


def test_jumps_are_drawn_as_often_as_their_shares_ask_the_first_of_each_most():
    jumps = plan_jumps(STUDENT, TEACHER, SHARES)
    assert sum(jump.share for jump in jumps) == pytest.approx(1)
    drawn = draw_jumps(jumps, 20_000, torch.Generator().manual_seed(0))
    found = drawn.bincount(minlength=7) / 20_000
    assert torch.allclose(found, torch.tensor([jump.share for jump in jumps]), atol=0.015)
    assert jumps[0].share == pytest.approx(2 * jumps[1].share)


def test_a_teacher_that_passes_a_students_timesteps_by_is_refused():
    odd = schedule_of(load_scheduler(TINY_FASHION, "DPMSolverMultistep:trailing"), 10)
    with pytest.raises(InputError, match="do not pass timestep 749"):
        kept_steps(STUDENT, odd)


def test_a_teacher_that_scales_latents_is_refused():
    scaling = schedule_of(load_scheduler(TINY_FASHION, "EulerDiscrete:trailing"), 12)
    with pytest.raises(InputError, match="EulerDiscrete scales latents"):
        kept_steps(STUDENT, scaling)
