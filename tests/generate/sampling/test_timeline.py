"""What a timeline is told by the generator's stages, and that it changes nothing."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampling.decoder import Decoder
from zeroreal.generate.sampling.sampler import Sampler
from zeroreal.generate.sampling.stages import StageSeconds
from zeroreal.generate.sampling.timeline import Timeline

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on when it is told to."""
    now = SimpleNamespace(seconds=50.0)
    for module in ("stages", "timeline"):
        monkeypatch.setattr(
            f"zeroreal.generate.sampling.{module}.time.perf_counter", lambda: now.seconds
        )
    return now


@pytest.fixture
def told():
    """Names of the parts as they begin and end."""
    names = []

    @contextmanager
    def part(name):
        names.append(name)
        yield
        names.append(f"/{name}")

    return SimpleNamespace(part=part, names=names)


def test_intervals_count_from_the_start(clock):
    timeline = Timeline(CPU)
    timeline.start()
    clock.seconds = 51.0
    with timeline.interval("outer"):
        clock.seconds = 52.0
        with timeline.interval("inner"):
            clock.seconds = 54.0
        clock.seconds = 55.0
    inner, outer = timeline.take()
    assert (inner.name, inner.began, inner.ended, inner.seconds) == ("inner", 2.0, 4.0, 2.0)
    assert (outer.name, outer.began, outer.ended, outer.enqueued) == ("outer", 1.0, 5.0, None)


def test_each_start_begins_anew(clock):
    timeline = Timeline(CPU)
    for _ in range(2):
        timeline.start()
        with timeline.interval("one"):
            clock.seconds += 1
        assert [(one.began, one.ended) for one in timeline.take()] == [(0.0, 1.0)]


def test_stages_report_to_the_timeline_and_count_all_the_same(clock):
    seconds = StageSeconds(CPU)
    seconds.timeline = Timeline(CPU)
    seconds.timeline.start()
    with seconds.stage("decode"):
        clock.seconds += 2
        with seconds.part("vae"):
            clock.seconds += 1
    assert seconds.totals == {"text": 0, "denoise": 0, "decode": 3}
    found = {one.name: one.seconds for one in seconds.timeline.take()}
    assert found == {"vae": 1, "decode": 3}


def test_without_a_timeline_parts_are_one_and_the_same_nothing(clock):
    seconds = StageSeconds(CPU)
    assert seconds.part("vae") is seconds.part("step")
    with seconds.stage("text"), seconds.part("vae"):
        clock.seconds += 1
    assert seconds.totals["text"] == 1


def test_every_step_is_told_and_the_latents_are_the_same(told, stepping, conditions):
    scheduler = load_scheduler(TINY_FASHION, None)
    schedule, seeds, given = schedule_of(scheduler, 3), torch.tensor([1, 2]), conditions(1.0, 2.0)
    plain, watched = stepping(), stepping()
    wanted = Sampler(plain, schedule)(seeds, (4, 8, 8), given)
    found = Sampler(watched, schedule, part=told.part)(seeds, (4, 8, 8), given)
    assert torch.equal(found, wanted)
    assert told.names == ["step", "/step"] * len(schedule.steps)


def test_every_call_of_the_decoder_and_every_finish_is_told(told):
    class Vae:
        device, spec = CPU, SimpleNamespace()

        def __call__(self, inputs):
            return {"images": inputs["latents"].expand(-1, 3, -1, -1)}

    latents = torch.rand(3, 1, 8, 8)
    wanted = Decoder(Vae(), 8, 2)(latents)
    found = Decoder(Vae(), 8, 2, told.part)(latents)
    assert torch.equal(found.images, wanted.images)
    assert told.names == ["vae", "/vae", "finish", "/finish"] * 2


class FakeEvent:
    """A CUDA event on a clock made by hand; it remembers how it was made."""

    now, made = 0.0, []

    def __init__(self, enable_timing, external=False):
        assert enable_timing
        self.external = external
        FakeEvent.made.append(self)

    def record(self, stream=None):
        self.at = FakeEvent.now

    def elapsed_time(self, other):
        return 1e3 * (other.at - self.at)


@pytest.fixture
def gpu(monkeypatch, clock):
    """CUDA's events and whether a graph is being recorded, by hand."""
    state = SimpleNamespace(recording=False)
    FakeEvent.made, FakeEvent.now = [], 0.0
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: state.recording)
    return state


def test_on_a_gpu_the_device_s_time_is_the_events_and_the_host_s_its_own(gpu, clock):
    timeline = Timeline(torch.device("cuda", 0))
    timeline.start()
    FakeEvent.now = 1.0
    with timeline.interval("vae"):
        clock.seconds += 0.25
        FakeEvent.now = 3.0
    (found,) = timeline.take()
    assert (found.began, found.ended, found.enqueued) == (1.0, 3.0, (0.0, 0.25))


def test_a_graph_that_was_recorded_since_the_start_was_not_replayed_and_tells_nothing(gpu, clock):
    timeline = Timeline(torch.device("cuda", 0))
    timeline.start()
    with timeline.interval("step"):  # it is done once before it is recorded
        pass
    gpu.recording = True
    with timeline.interval("step"):
        FakeEvent.made[-1].at = FakeEvent.made[-2].at = None  # recorded, and not passed
    gpu.recording = False
    assert [found.name for found in timeline.take()] == ["step"]


def test_what_is_recorded_in_a_graph_stands_for_every_replay(gpu, clock):
    timeline = Timeline(torch.device("cuda", 0))
    timeline.start()
    gpu.recording = True
    with timeline.interval("step"):
        pass
    gpu.recording = False
    first, last = (event for event in FakeEvent.made if event.external)
    for began in (10.0, 20.0):
        FakeEvent.now = began
        timeline.start()
        with timeline.interval("denoise"):  # the replay, which records the events again
            first.at, last.at = began + 1, began + 2
            FakeEvent.now = began + 3
        denoise, step = timeline.take()
        assert (denoise.name, denoise.began, denoise.ended) == ("denoise", 0.0, 3.0)
        assert (step.name, step.began, step.ended, step.enqueued) == ("step", 1.0, 2.0, None)
