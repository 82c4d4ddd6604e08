"""What a scheduler does in each step, against the published formulas."""

import math

import diffusers
import pytest
import torch

from zeroreal.export.model.scheduler_probe import probe, start, take_step

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # by diffusers

NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def started(kind, steps=4, **config):
    return start(kind(**NOISE_SCHEDULE, **config), steps)


def powers():
    """Cumulative signal power of Stable Diffusion's noise schedule, float64 [1000]."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def sigmas(timesteps):
    """Noise levels at whole timesteps, then 0."""
    alphas = powers()[[int(t) for t in timesteps]]
    return [*((1 - alphas) / alphas).sqrt().tolist(), 0.0]


EULER = {"timestep_spacing": "leading", "steps_offset": 1}


def test_euler_takes_a_straight_step_from_scaled_latents():
    """Algorithm 2 of arXiv 2206.00364: x + (s' - s) o, the model sees x / sqrt(s^2 + 1)."""
    relations = probe(started(diffusers.EulerDiscreteScheduler, **EULER))
    assert [relation.timestep for relation in relations] == [751, 501, 251, 1]
    levels = sigmas([751, 501, 251, 1])
    for i, relation in enumerate(relations):
        now, after = levels[i : i + 2]
        assert relation.input_scale == pytest.approx((now**2 + 1) ** -0.5, rel=1e-4)
        assert relation.weights.dtype == torch.float64
        expected = [[0.0] * 3] * i + [[1.0, after - now, 0.0]]
        assert relation.weights.numpy() == pytest.approx(torch.tensor(expected).numpy(), rel=1e-4)
        assert not relation.draws_noise


def test_an_ancestral_step_goes_further_down_and_adds_noise():
    """`get_ancestral_step` of k-diffusion with eta 1."""
    relations = probe(started(diffusers.EulerAncestralDiscreteScheduler, **EULER))
    levels = sigmas([751, 501, 251, 1])
    for i, relation in enumerate(relations):
        now, after = levels[i : i + 2]
        up = math.sqrt(after**2 * (now**2 - after**2) / now**2)
        down = math.sqrt(after**2 - up**2)
        expected = torch.tensor([1.0, down - now, up])
        assert relation.weights[i].numpy() == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-6)
        assert relation.draws_noise


def test_what_a_multistep_scheduler_remembers_are_weights_of_earlier_steps():
    """The clean latents x0 = (x - sqrt(1 - a) o) / sqrt(a) of the step before, by DPM-Solver++."""
    relations = probe(started(diffusers.DPMSolverMultistepScheduler, steps=20))
    assert [len(relation.weights) for relation in relations] == list(range(1, 21))
    middle = relations[9]
    assert middle.weights.any(dim=1).nonzero().flatten().tolist() == [8, 9]
    latents, output, noise = middle.weights[8].tolist()
    power = float(powers()[int(relations[8].timestep)])
    assert output / latents == pytest.approx(-math.sqrt(1 - power), rel=1e-4)
    assert noise == 0


def test_the_probe_leaves_the_scheduler_at_its_start():
    scheduler = started(diffusers.DPMSolverMultistepScheduler)
    probe(scheduler)
    assert scheduler.step_index is None
    assert scheduler.model_outputs == [None, None]


def test_a_start_is_a_copy():
    untouched = diffusers.DDIMScheduler(**NOISE_SCHEDULE)
    assert len(start(untouched, 7).timesteps) == 7
    assert len(untouched.timesteps) == 1000
    assert untouched.num_inference_steps is None


@pytest.mark.parametrize("kind", [diffusers.LCMScheduler, diffusers.PNDMScheduler])
def test_a_step_draws_from_the_generator_where_there_is_noise(kind):
    scheduler = started(kind)
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    latents = torch.ones(1, 1, 2, 2)
    take_step(scheduler, latents, scheduler.timesteps[0], latents, generator)
    draws = kind is diffusers.LCMScheduler
    assert torch.equal(generator.get_state(), before) != draws


class Noisy(diffusers.DDIMScheduler):
    """Adds as many noises to what DDIM gives as `weights` says, and those of the step before."""

    weights = (0.5,)
    remembers = False
    last = 0.0

    def step(self, model_output, timestep, sample, generator=None):
        result = super().step(model_output, timestep, sample)
        result.prev_sample = result.prev_sample + self.last
        for weight in self.weights:
            noise = torch.randn(sample.shape, generator=generator)
            result.prev_sample = result.prev_sample + weight * noise
            if self.remembers:
                self.last = noise
        return result


def test_one_fresh_noise_a_step_is_read_with_its_weight():
    relations = probe(started(Noisy, clip_sample=False))
    assert [relation.weights[-1, 2] for relation in relations] == [0.5] * 4
    assert all(relation.draws_noise for relation in relations)


@pytest.mark.parametrize(
    ("weights", "remembers", "complaint"),
    [
        ((0.5, 0.5), False, "step 0 uses noise other than one fresh draw"),
        ((0.5,), True, "step 1 uses noise other than one fresh draw"),
        ((math.inf,), False, "step 0 gives numbers that are not finite"),
        ((math.nan,), False, "step 0 gives numbers that are not finite"),
    ],
)
def test_other_uses_of_noise_are_refused(monkeypatch, weights, remembers, complaint):
    monkeypatch.setattr(Noisy, "weights", weights)
    monkeypatch.setattr(Noisy, "remembers", remembers)
    with pytest.raises(ValueError, match=complaint):
        probe(started(Noisy, clip_sample=False))
