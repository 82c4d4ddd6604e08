"""Schedulers that are no weighted sum, or cannot be read."""

import diffusers
import pytest

from zeroreal.base import InputError
from zeroreal.export.model.read_schedule import schedule_of

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # by diffusers


NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def scheduler(name, **config):
    return getattr(diffusers, f"{name}Scheduler")(**NOISE_SCHEDULE, **config)


DPM = "DPMSolverMultistep"


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
    with pytest.raises(InputError, match="not a weighted sum"):
        schedule_of(kind(**NOISE_SCHEDULE, clip_sample=False), 4)
