"""The memory of the denoising loop: used again for a shape, recorded as a graph, released."""

import weakref
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampling import sampler as sampling
from zeroreal.generate.sampling.sampler import Sampler

SEEDS = torch.tensor([11, 2**62, 13])
SHAPE = (4, 8, 8)
STEPS = 8


def test_a_shape_that_comes_again_uses_the_same_memory_and_gives_the_same(stepping, conditions):
    sampler = Sampler(stepping(), schedule_of(load_scheduler(TINY_FASHION, "PNDM"), STEPS))
    first = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7))
    kept, place = first.clone(), first.data_ptr()
    sampler(SEEDS[:2], SHAPE, conditions(0.3, 0.5))
    sampler(SEEDS + 1, SHAPE, conditions(0.1, 0.5, 0.7))
    assert not torch.equal(first, kept)
    again = sampler(SEEDS, SHAPE, conditions(0.3, 0.5, 0.7))
    assert again.data_ptr() == place
    assert torch.equal(again, kept)


@pytest.fixture
def result_of(conditions):
    """A function that gives a weak reference to the latents a sampler holds for some images."""

    def run(sampler, images):
        seeds = torch.arange(images)
        return weakref.ref(sampler(seeds, SHAPE, conditions(*[1.0] * images)))

    return run


def test_four_shapes_are_held_and_the_one_not_used_for_longest_goes_first(stepping, result_of):
    sampler = Sampler(stepping(), schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2))
    held = [result_of(sampler, images) for images in (1, 2, 3, 4)]
    assert all(latents() is not None for latents in held)
    result_of(sampler, 1)
    result_of(sampler, 5)
    assert [latents() is not None for latents in held] == [True, False, True, True]


def test_released_memory_is_free_and_allocated_again_when_asked(stepping, result_of):
    sampler = Sampler(stepping(), schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2))
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


def test_a_shape_that_comes_again_is_recorded_once_and_replayed_on_what_is_given_then(
    recordings, stepping, conditions
):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "LCM"), 4)
    memory = SimpleNamespace(stream=SimpleNamespace(device="its device"))
    sampler = Sampler(stepping(), schedule, graphs=memory)
    plain = Sampler(stepping(), schedule)
    for seeds, guidance in ((SEEDS, 0.5), (SEEDS + 1, 0.3), (SEEDS + 2, 0.7)):
        given = conditions(guidance, 0.5, 0.1)
        assert torch.equal(sampler(seeds, SHAPE, given), plain(seeds, SHAPE, given))
    (graph,) = recordings.made
    assert (graph.replays, graph.memory) == (2, memory)


def test_graphs_may_be_running_when_their_memory_is_to_go(recordings, stepping, result_of):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    memory = SimpleNamespace(stream=SimpleNamespace(device="its device"))
    sampler = Sampler(stepping(), schedule, graphs=memory)
    for images in (1, 2, 3, 4):
        result_of(sampler, images)
    assert recordings.waits == []
    result_of(sampler, 5)
    assert recordings.waits == ["its device"]
    sampler.release()
    assert recordings.waits == ["its device"] * 2
