"""The denoising loop against that of `diffusers`, with a function in the place of the UNet."""

from dataclasses import replace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampling.sampler import Sampler
from zeroreal.generate.sampling.steps import Call, plan_calls
from zeroreal.kernels import philox_normal_reference

SEEDS = torch.tensor([11, 2**62, 13])
SHAPE = (4, 8, 8)
STEPS = 8


@pytest.fixture
def by_diffusers(model, monkeypatch):
    """The published loop; where the scheduler draws noise, it gets the images' own."""

    def run(scheduler, guidance):
        drawn = iter(range(1, STEPS + 1))

        def own_noise(shape, *_, **__):
            return philox_normal_reference(SEEDS, shape[1:], next(drawn))

        monkeypatch.setattr(f"{type(scheduler).__module__}.randn_tensor", own_noise, raising=False)
        scheduler.set_timesteps(STEPS)
        latents = philox_normal_reference(SEEDS, SHAPE, 0) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            seen = scheduler.scale_model_input(latents, timestep)
            output = guidance.view(-1, 1, 1, 1) * model(seen, timestep)
            latents = scheduler.step(output, timestep, latents).prev_sample
        return latents

    return run


@pytest.mark.parametrize("noise_from", ["noise", "seeds"])
@pytest.mark.parametrize(
    "name",
    ["DDIM", "EulerAncestralDiscrete", "DPMSolverMultistep", "UniPCMultistep", "PNDM", "LCM"],
)
def test_the_loop_leads_where_that_of_diffusers_leads(
    name, noise_from, stepping, conditions, by_diffusers
):
    """Deterministic and with noise; with no memory, one step of it, and several (UniPC, PNDM)."""
    given = conditions(0.3, 0.5, 0.7)
    scheduler = load_scheduler(TINY_FASHION, name)
    schedule = schedule_of(scheduler, STEPS)
    found = Sampler(stepping(noise_from), schedule)(SEEDS, SHAPE, given)
    expected = by_diffusers(scheduler, given["guidance"])
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert found.std() > 0.1


def test_conditions_go_into_every_step_and_what_is_given_stays(stepping, conditions):
    engine, given = stepping(), conditions(0.3, 0.5, 0.7)
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), STEPS)
    Sampler(engine, schedule)(SEEDS, SHAPE, given)
    assert len(engine.calls) == STEPS
    assert all(torch.equal(call["guidance"], given["guidance"]) for call in engine.calls)
    assert torch.cat([call["timestep"] for call in engine.calls]).tolist() == [
        step.timestep for step in schedule.steps
    ]
    assert given["guidance"].tolist() == torch.tensor([0.3, 0.5, 0.7]).tolist()


def test_each_image_gets_the_noise_of_its_seed_whatever_is_beside_it(stepping, conditions):
    sampler = Sampler(stepping(), schedule_of(load_scheduler(TINY_FASHION, "LCM"), 4))
    together = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7)).clone()
    for image in range(3):
        alone = sampler(SEEDS[image : image + 1], SHAPE, conditions((0.3, 0.5, 0.7)[image]))
        assert torch.equal(together[image], alone[0])


def test_steps_outside_the_guidance_interval_have_conditional_rows_alone(stepping):
    engine = stepping()
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 3)
    calls = [Call(guided=False), Call(guided=True), Call(guided=False)]
    given = {
        "guidance": torch.tensor([5.0, 1.0]),
        "text_embeddings": torch.arange(3.0).view(3, 1),
        "pooled": torch.arange(3.0).view(3, 1),
        "time_ids": torch.arange(3.0).view(3, 1),
        "rows": torch.tensor([0, 1, 0]),
        "unconditional": torch.tensor([2, 1]),
    }
    Sampler(engine, schedule, calls)(SEEDS[:2], SHAPE, given)
    assert [call["rows"].tolist() for call in engine.calls] == [[0, 1], [0, 1, 0], [0, 1]]
    assert [call["unconditional"].tolist() for call in engine.calls] == [[0, 1], [2, 1], [0, 1]]
    for name in ("text_embeddings", "pooled", "time_ids"):
        assert [call[name][:, 0].tolist() for call in engine.calls] == [
            [0.0, 1.0],
            [0.0, 1.0, 2.0],
            [0.0, 1.0],
        ]
    assert all(call["guidance"].tolist() == [5.0, 1.0] for call in engine.calls)


def test_steps_that_are_not_full_take_the_deep_features_of_the_last_full_one(stepping, conditions):
    full, shallow = stepping(features=True), stepping()
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 5)
    calls = plan_calls([True, True, True, True, False], full_every=2)
    given = {
        **conditions(5.0, 5.0),
        "rows": torch.arange(4) % 2,
        "unconditional": torch.tensor([2, 3]),
        "text_embeddings": torch.zeros(4, 1),
    }
    Sampler(full, schedule, calls, shallow)(SEEDS[:2], SHAPE, given)
    assert [len(engine.calls) for engine in (full, shallow)] == [3, 2]
    # The first full call's features are ones, the second's twos; of every row.
    assert [call["deep_features"][:, 0].tolist() for call in shallow.calls] == [[1] * 4, [2] * 4]


def test_no_noise_is_drawn_where_the_scheduler_uses_none(stepping, conditions):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    first, second = schedule.steps
    engine = stepping()
    steps = (first, replace(second, noise=1.0))
    Sampler(engine, replace(schedule, steps=steps))(SEEDS, SHAPE, conditions(1.0, 1.0, 1.0))
    assert engine.calls[0]["noise"].eq(0).all()
    drawn = philox_normal_reference(SEEDS, SHAPE, 2)
    assert torch.allclose(engine.calls[1]["noise"], drawn, atol=1e-5)
