"""The denoising loop against that of `diffusers`, with a function in the place of the UNet."""

import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampling import sampler as sampling
from zeroreal.generate.sampling.sampler import Sampler
from zeroreal.generate.sampling.steps import Call, plan_calls
from zeroreal.kernels import philox_normal_reference

SEEDS = torch.tensor([11, 2**62, 13])
SHAPE = (4, 8, 8)
STEPS = 8


def model(latents, timestep):
    """Some function of both, bounded as a UNet's output is; in float32."""
    return torch.tanh(1.5 * latents - latents.roll(1, -1) + timestep / 500)


class Stepping:
    """A denoising engine by its definition; it remembers what it was given."""

    device = torch.device("cpu")

    def __init__(self, noise_from="noise", features=False):
        self.calls = []
        self.features = features
        names = ["noise"] if noise_from == "noise" else ["seeds", "draw"]
        self.spec = SimpleNamespace(inputs=[SimpleNamespace(name=name) for name in names])

    def __call__(self, inputs, outputs):
        read = {tensor.data_ptr() for tensor in inputs.values()}
        assert read.isdisjoint(tensor.data_ptr() for tensor in outputs.values())
        self.calls.append({name: tensor.clone() for name, tensor in inputs.items()})
        given = SimpleNamespace(**self.calls[-1])
        if "noise" not in inputs:
            draw = int(given.draw)
            given.noise = philox_normal_reference(given.seeds, given.latents.shape[1:], draw)
        c, x = given.coefficients, given.latents
        output = given.guidance.view(-1, 1, 1, 1) * model(c[0] * x, given.timestep)
        following = c[1] * x + c[2] * output + c[3] * given.history + c[4] * given.noise
        carry = c[5] * x + c[6] * output
        results = {
            "next_latents": outputs["next_latents"].copy_(following),
            "carry": outputs["carry"].copy_(carry),
        }
        if self.features:
            results["deep_features"] = torch.full((len(inputs["rows"]), 1), float(len(self.calls)))
        return results


def conditions(*guidance):
    return {"guidance": torch.tensor(guidance), "text_embeddings": torch.zeros(len(guidance), 1)}


def by_diffusers(scheduler, guidance, patch):
    """The published loop; where the scheduler draws noise, it gets the images' own."""
    drawn = iter(range(1, STEPS + 1))

    def own_noise(shape, *_, **__):
        return philox_normal_reference(SEEDS, shape[1:], next(drawn))

    patch.setattr(f"{type(scheduler).__module__}.randn_tensor", own_noise, raising=False)
    scheduler.set_timesteps(STEPS)
    latents = philox_normal_reference(SEEDS, SHAPE, 0) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        seen = scheduler.scale_model_input(latents, timestep)
        output = guidance.view(-1, 1, 1, 1) * model(seen, timestep)
        latents = scheduler.step(output, timestep, latents).prev_sample
    return latents


@pytest.mark.parametrize("noise_from", ["noise", "seeds"])
@pytest.mark.parametrize(
    "name",
    ["DDIM", "EulerAncestralDiscrete", "DPMSolverMultistep", "UniPCMultistep", "PNDM", "LCM"],
)
def test_the_loop_leads_where_that_of_diffusers_leads(name, noise_from, monkeypatch):
    """Deterministic and with noise; with no memory, one step of it, and several (UniPC, PNDM)."""
    given = conditions(0.3, 0.5, 0.7)
    scheduler = load_scheduler(TINY_FASHION, name)
    schedule = schedule_of(scheduler, STEPS)
    found = Sampler(Stepping(noise_from), schedule)(SEEDS, SHAPE, given)
    expected = by_diffusers(scheduler, given["guidance"], monkeypatch)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert found.std() > 0.1


def test_conditions_go_into_every_step_and_what_is_given_stays():
    engine, given = Stepping(), conditions(0.3, 0.5, 0.7)
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), STEPS)
    Sampler(engine, schedule)(SEEDS, SHAPE, given)
    assert len(engine.calls) == STEPS
    assert all(torch.equal(call["guidance"], given["guidance"]) for call in engine.calls)
    assert torch.cat([call["timestep"] for call in engine.calls]).tolist() == [
        step.timestep for step in schedule.steps
    ]
    assert given["guidance"].tolist() == torch.tensor([0.3, 0.5, 0.7]).tolist()


def test_a_shape_that_comes_again_uses_the_same_memory_and_gives_the_same():
    sampler = Sampler(Stepping(), schedule_of(load_scheduler(TINY_FASHION, "PNDM"), STEPS))
    first = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7))
    kept, place = first.clone(), first.data_ptr()
    sampler(SEEDS[:2], SHAPE, conditions(0.3, 0.5))
    sampler(SEEDS + 1, SHAPE, conditions(0.1, 0.5, 0.7))
    assert not torch.equal(first, kept)
    again = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7))
    assert again.data_ptr() == place
    assert torch.equal(again, kept)


def test_each_image_gets_the_noise_of_its_seed_whatever_is_beside_it():
    sampler = Sampler(Stepping(), schedule_of(load_scheduler(TINY_FASHION, "LCM"), 4))
    together = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7)).clone()
    for image in range(3):
        alone = sampler(SEEDS[image : image + 1], SHAPE, conditions((0.3, 0.5, 0.7)[image]))
        assert torch.equal(together[image], alone[0])


def test_steps_outside_the_guidance_interval_have_conditional_rows_alone():
    engine = Stepping()
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


def test_steps_that_are_not_full_take_the_deep_features_of_the_last_full_one():
    full, shallow = Stepping(features=True), Stepping()
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


def test_no_noise_is_drawn_where_the_scheduler_uses_none():
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    first, second = schedule.steps
    engine = Stepping()
    steps = (first, replace(second, noise=1.0))
    Sampler(engine, replace(schedule, steps=steps))(SEEDS, SHAPE, conditions(1.0, 1.0, 1.0))
    assert engine.calls[0]["noise"].eq(0).all()
    drawn = philox_normal_reference(SEEDS, SHAPE, 2)
    assert torch.allclose(engine.calls[1]["noise"], drawn, atol=1e-5)


def result_of(sampler, images):
    """A weak reference to the latents that the sampler holds for this many images."""
    seeds = torch.arange(images)
    return weakref.ref(sampler(seeds, SHAPE, conditions(*[1.0] * images)))


def test_four_shapes_are_held_and_the_one_not_used_for_longest_goes_first():
    sampler = Sampler(Stepping(), schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2))
    held = [result_of(sampler, images) for images in (1, 2, 3, 4)]
    assert all(latents() is not None for latents in held)
    result_of(sampler, 1)
    result_of(sampler, 5)
    assert [latents() is not None for latents in held] == [True, False, True, True]


def test_released_memory_is_free_and_allocated_again_when_asked():
    sampler = Sampler(Stepping(), schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2))
    held = result_of(sampler, 2)
    sampler.release()
    assert held() is None
    assert result_of(sampler, 2)() is not None


@pytest.fixture
def recordings(monkeypatch):
    """What is recorded as a graph, where a "graph" is the work itself, done again when replayed."""
    made, waits = [], []

    def record(work, memory):
        graph = SimpleNamespace(replays=0, memory=memory)

        def replay():
            graph.replays += 1
            work()

        graph.replay = replay
        made.append(graph)
        return graph

    monkeypatch.setattr(sampling, "record", record)
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    return SimpleNamespace(made=made, waits=waits)


def test_a_shape_that_comes_again_is_recorded_once_and_replayed_on_what_is_given_then(recordings):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "LCM"), 4)
    memory = SimpleNamespace(stream=SimpleNamespace(device="its device"))
    sampler = Sampler(Stepping(), schedule, graphs=memory)
    plain = Sampler(Stepping(), schedule)
    for seeds, guidance in ((SEEDS, 0.5), (SEEDS + 1, 0.3), (SEEDS + 2, 0.7)):
        given = conditions(guidance, 0.5, 0.1)
        assert torch.equal(sampler(seeds, SHAPE, given), plain(seeds, SHAPE, given))
    (graph,) = recordings.made
    assert (graph.replays, graph.memory) == (2, memory)


def test_graphs_may_be_running_when_their_memory_is_to_go(recordings):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    memory = SimpleNamespace(stream=SimpleNamespace(device="its device"))
    sampler = Sampler(Stepping(), schedule, graphs=memory)
    for images in (1, 2, 3, 4):
        result_of(sampler, images)
    assert recordings.waits == []
    result_of(sampler, 5)
    assert recordings.waits == ["its device"]
    sampler.release()
    assert recordings.waits == ["its device"] * 2
