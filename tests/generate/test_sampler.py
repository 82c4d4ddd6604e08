"""The denoising loop against that of `diffusers`, with a function in the place of the UNet."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampler import denoise, guidance_rows, noise

SEEDS = (11, 2**62, 13)
SHAPE = (4, 8, 8)
STEPS = 8


def model(latents, timestep):
    """Some function of both, bounded as a UNet's output is; in float32."""
    return torch.tanh(1.5 * latents - latents.roll(1, -1) + timestep / 500)


class Stepping:
    """A denoising engine by its definition; its results lie in the same tensors at every call."""

    device = torch.device("cpu")

    def __init__(self):
        self.calls = []
        self.results = {}

    def __call__(self, inputs, outputs=None):
        self.calls.append({name: tensor.clone() for name, tensor in inputs.items()})
        given = SimpleNamespace(**self.calls[-1])
        c, x = given.coefficients, given.latents
        output = given.guidance.view(-1, 1, 1, 1) * model(c[0] * x, given.timestep)
        following = c[1] * x + c[2] * output + c[3] * given.history + c[4] * given.noise
        results = {"next_latents": following, "carry": c[5] * x + c[6] * output}
        for name, tensor in results.items():
            self.results.setdefault(name, torch.empty_like(tensor)).copy_(tensor)
        return self.results


def by_diffusers(scheduler, guidance):
    scheduler.set_timesteps(STEPS)
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    latents = randn_tensor((len(SEEDS), *SHAPE), generators) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        seen = scheduler.scale_model_input(latents, timestep)
        output = guidance.view(-1, 1, 1, 1) * model(seen, timestep)
        try:
            step = scheduler.step(output, timestep, latents, generator=generators)
        except TypeError:  # it takes no generator, as it draws no noise
            step = scheduler.step(output, timestep, latents)
        latents = step.prev_sample
    return latents


@pytest.mark.parametrize(
    "name",
    ["DDIM", "EulerAncestralDiscrete", "DPMSolverMultistep", "UniPCMultistep", "PNDM", "LCM"],
)
def test_the_loop_leads_where_that_of_diffusers_leads(name):
    """Deterministic and with noise; with no memory, one step of it, and several (UniPC, PNDM)."""
    guidance = torch.tensor([0.3, 0.5, 0.7])
    scheduler = load_scheduler(TINY_FASHION, name)
    start, generators = noise(SEEDS, SHAPE)
    schedule = schedule_of(scheduler, STEPS)
    found = denoise(Stepping(), schedule, start, {"guidance": guidance}, generators)
    expected = by_diffusers(scheduler, guidance)
    assert (found - expected).abs().max() <= 1e-3 * expected.abs().max()
    assert found.std() > 0.1


def test_conditions_go_into_every_step_and_what_is_given_stays():
    engine, guidance = Stepping(), torch.tensor([0.3, 0.5, 0.7])
    start, generators = noise(SEEDS, SHAPE)
    before = start.clone()
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), STEPS)
    result = denoise(engine, schedule, start, {"guidance": guidance}, generators)
    assert len(engine.calls) == STEPS
    assert all(torch.equal(call["guidance"], guidance) for call in engine.calls)
    assert torch.cat([call["timestep"] for call in engine.calls]).tolist() == [
        step.timestep for step in schedule.steps
    ]
    assert torch.equal(start, before)
    assert result.data_ptr() != engine.results["next_latents"].data_ptr()


def test_noise_is_drawn_only_where_the_scheduler_draws_it():
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    steps = tuple(
        replace(step, draws_noise=number == 1) for number, step in enumerate(schedule.steps)
    )
    engine = Stepping()
    start, generators = noise(SEEDS, SHAPE)
    conditions = {"guidance": torch.ones(len(SEEDS))}
    denoise(engine, replace(schedule, steps=steps), start, conditions, generators)
    assert engine.calls[0]["noise"].eq(0).all()
    # The second draw of each image's own generator.
    for image, seed in enumerate(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        torch.randn(SHAPE, generator=generator)
        expected = torch.randn(SHAPE, generator=generator)
        assert torch.equal(engine.calls[1]["noise"][image], expected)


def test_noise_is_that_of_diffusers_for_the_same_seeds():
    found, generators = noise(SEEDS, SHAPE)
    theirs = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    assert torch.equal(found, randn_tensor((len(SEEDS), *SHAPE), theirs))
    for ours, other in zip(generators, theirs, strict=True):
        assert torch.equal(ours.get_state(), other.get_state())


@pytest.mark.parametrize(
    "guidance", [(1.0,), (7.5,), (1.0, 3.0, 0.0, 1.5, 1.0, 2.0), (1.0, 1.0), (2.0, 3.0)]
)
def test_every_guided_image_has_an_unconditional_row_behind_the_conditional_ones(guidance):
    expected_rows, expected_away, guided_images = [], [], []
    for image in range(len(guidance)):
        expected_rows.append(image)
    for image, scale in enumerate(guidance):
        if scale > 1:
            guided_images.append(image)
            expected_away.append(len(expected_rows))
            expected_rows.append(image)
        else:
            expected_away.append(image)
    guided, rows, unconditional = guidance_rows(torch.tensor(guidance))
    assert guided.tolist() == guided_images
    assert rows.tolist() == expected_rows
    assert unconditional.tolist() == expected_away
    assert {tensor.dtype for tensor in (guided, rows, unconditional)} == {torch.int64}
