"""How generating and training share a device: what is refused, and what `auto` keeps."""

import sys
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import Feed, ImagePool, Loader
from zeroreal.train.pool.sharing import Sharing

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Clock:
    """The time, in seconds, that `Sharing` measures."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A clock of the test's; and a GPU whose work is done at once, without green contexts."""
    clock = Clock()
    monkeypatch.setattr("zeroreal.train.pool.sharing.time", clock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    reasons = {"partition": "it has none"}
    monkeypatch.setattr(
        "zeroreal.train.pool.sharing._not_supported_reason", lambda mode, *_: reasons.get(mode, "")
    )
    return clock


COLD = 30.0  # seconds more of what is done for the first time


def turns(sharing, clock, seconds, images=10, samples=40):
    """Let turns pass that train for so long by mode, and then generate for a second.

    The first block and the first training are cold. Gives the modes that they had.
    """
    clock.now += 1.0 + COLD
    sharing.turn(images, 0)
    modes = []
    for turn in range(5):
        modes.append(sharing.mode)
        clock.now += seconds[sharing.mode] - 1.0 + (COLD if turn == 0 else 0.0)
        sharing.begin_block()
        clock.now += 1.0
        sharing.turn(images, samples)
    return modes


def test_a_cpu_alternates():
    sharing = Sharing("auto", CPU)
    assert sharing.mode == "alternate"
    assert not sharing.is_concurrent
    assert Sharing("overlap", CPU).is_concurrent


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [("overlapp", "did you mean 'overlap'"), ("partition", "only CUDA devices")],
)
def test_a_mode_that_cannot_be_used_is_refused(mode, complaint):
    with pytest.raises(InputError, match=complaint):
        Sharing(mode, CPU)


@pytest.mark.parametrize(("overlap", "kept"), [(2.5, "overlap"), (3.5, "alternate")])
def test_auto_gives_each_mode_a_turn_and_keeps_the_fastest_however_slow_the_first_calls(
    clock, overlap, kept
):
    sharing = Sharing("auto", GPU)
    # 10 images alone take 1 s, and 40 samples the 2 s that are left.
    modes = turns(sharing, clock, {"alternate": 3.0, "overlap": overlap})
    assert modes == ["alternate", "alternate", "overlap", kept, kept]
    assert sharing.relative == pytest.approx({"alternate": 1.0, "overlap": overlap / 3})


def test_a_turn_without_training_measures_nothing(clock):
    sharing = Sharing("auto", GPU)
    for _ in range(4):
        clock.now += 1.0
        sharing.turn(images=10, samples=0)
    assert sharing.relative == {}
    assert turns(sharing, clock, {"alternate": 3.0, "overlap": 2.5})[-1] == "overlap"


class GreenContext:
    """As that of PyTorch 2.10: it has no streams."""

    @classmethod
    def create(cls, num_sms, device_id):
        return cls()


@pytest.fixture
def green_contexts(monkeypatch):
    module = SimpleNamespace(GreenContext=GreenContext)
    monkeypatch.setitem(sys.modules, "torch.cuda.green_contexts", module)
    properties = SimpleNamespace(multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)


def test_parts_of_a_gpu_that_have_no_streams_are_refused(green_contexts, monkeypatch):
    with pytest.raises(InputError, match=r"no green contexts .*no attribute 'Stream'"):
        Sharing("partition", GPU)
    monkeypatch.setattr(GreenContext, "Stream", lambda self: None, raising=False)
    assert Sharing("partition", GPU).mode == "partition"


def test_graphs_which_run_on_the_whole_gpu_are_refused_on_a_part_of_it(green_contexts, monkeypatch):
    monkeypatch.setattr(GreenContext, "Stream", lambda self: None, raising=False)
    with pytest.raises(InputError, match=r"'partition' .* CUDA graphs run on the whole device"):
        Sharing("partition", GPU, graphs=True)
    assert "partition" in Sharing("auto", GPU)._untried
    assert "partition" not in Sharing("auto", GPU, graphs=True)._untried


def test_a_feed_knows_whether_its_source_replays_graphs(numbered, green_contexts, monkeypatch):
    monkeypatch.setattr(GreenContext, "Stream", lambda self: None, raising=False)
    source = numbered()
    source.device, source.facts = GPU, SimpleNamespace(cuda_graphs=True)
    with pytest.raises(InputError, match="CUDA graphs run on the whole device"):
        Feed(source, numbered.plan(4), ImagePool(4, 4, CPU), block=4, mode="partition")


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["alternate", "overlap", "partition"])
def test_on_a_gpu_every_mode_gives_the_batches_of_the_cpu(numbered, mode):
    def batches(device, mode):
        source = numbered()
        source.device = device
        pool = ImagePool(6, 4, device, spare=4)
        feed = Feed(source, numbered.plan(12), pool, block=4, policy="oldest", mode=mode)
        loader = Loader(feed, 3, epochs=4)
        found = [images.cpu() for _ in range(loader.total_epochs()) for images, _ in loader]
        feed.close()
        return found

    try:
        ours = batches(torch.device("cuda"), mode)
    except InputError as error:
        pytest.skip(str(error))
    for our, their in zip(ours, batches(torch.device("cpu"), "alternate"), strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-6)
