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
    made = []

    def record(work, memory):
        graph = SimpleNamespace(replays=0, memory=memory)

        def replay():
            graph.replays += 1
            work()

        graph.replay = replay
        made.append(graph)
        work()
        return graph

    monkeypatch.setattr(sampling, "record", record)
    return made


def test_a_shape_that_comes_again_is_recorded_once_and_replayed_on_what_is_given_then(
    recordings, stepping, conditions
):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "LCM"), 4)
    engine, memory = stepping(), SimpleNamespace()
    sampler, plain = Sampler(engine, schedule, graphs=memory), Sampler(stepping(), schedule)
    calls = []
    for seeds, guidance in ((SEEDS, 0.5), (SEEDS + 1, 0.3), (SEEDS + 2, 0.7)):
        before, given = len(engine.calls), conditions(guidance, 0.5, 0.1)
        assert torch.equal(sampler(seeds, SHAPE, given), plain(seeds, SHAPE, given))
        calls.append(len(engine.calls) - before)
    (graph,) = recordings
    assert (graph.replays, graph.memory) == (1, memory)
    assert calls == [4, 4, 4], "recording runs the steps no more often than without it"


def test_fewer_images_than_before_are_never_recorded(recordings, stepping, result_of):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    sampler = Sampler(stepping(), schedule, graphs=SimpleNamespace())
    for images in (3, 2, 2, 2, 3):
        result_of(sampler, images)
    assert len(recordings) == 1
    sampler.release()  # as where the batch is halved
    for _ in range(2):
        result_of(sampler, 2)
    assert len(recordings) == 2


@pytest.mark.parametrize("graphs", [None, SimpleNamespace()], ids=["without graphs", "graphs"])
def test_memory_that_may_be_in_use_is_waited_for_before_it_goes(
    recordings, stepping, result_of, monkeypatch, graphs
):
    class Fences:
        """Counts; a fence is the number of the call that it stands behind."""

        made, waits = 0, []

        def record(self):
            self.made += 1
            return self.made

        def wait_on_host(self, fence):
            self.waits.append(fence)

    fences = Fences()
    monkeypatch.setattr(sampling, "fences_on", lambda device: fences)
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    sampler = Sampler(stepping(), schedule, graphs=graphs)
    sampler.release()
    for images in (1, 2, 3, 4):
        result_of(sampler, images)
    assert fences.waits == []
    result_of(sampler, 5)
    assert fences.waits == [4]
    sampler.release()
    assert fences.waits == [4, 5]
