"""The order of generating and training on a GPU's streams, on a stand-in for the GPU."""

import pytest
import torch
from stand_in_cuda import stand_in_cuda

from zeroreal.base.fences import _CudaEvents
from zeroreal.generate import ImageBatch
from zeroreal.train import Feed, ImagePool, Loader
from zeroreal.train.pool.sharing import training_stream

GPU = torch.device("cuda")


class OnGpu:
    """Numbered images that are made on the device, into a buffer that is used again."""

    device = GPU

    def __init__(self, numbered):
        self.numbered, self.buffer, self.streams = numbered, None, set()

    def generate(self, specs, done=()):
        for batch in self.numbered(batch_size=2).generate(specs, done):
            if self.buffer is None:
                self.buffer = torch.zeros(2, 4, 4, 3, dtype=torch.uint8, device=GPU)
            images = self.buffer[: len(batch.specs)]
            images.copy_(batch.images)
            self.streams.add(torch.cuda.current_stream().name)
            yield ImageBatch(batch.specs, images, batch.labels)


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    with cuda.watched():
        yield cuda


def train(numbered, mode):
    """The samples of every epoch, and the source; `mode` is `auto` after so many blocks."""
    pool, source = ImagePool(6, 4, GPU, spare=3), OnGpu(numbered)
    feed = Feed(source, numbered.plan(24), pool, block=3, policy="oldest", mode=mode)
    loader, epochs = Loader(feed, 2, epochs=2), []
    with training_stream(GPU):
        while not loader.is_finished:
            epochs.append([sample for images, _ in loader for sample in numbered.numbers(images)])
    torch.cuda.synchronize()
    return epochs, source


@pytest.mark.parametrize("mode", ["alternate", "overlap"])
def test_images_pass_from_generating_to_training_in_order(cuda, numbered, mode):
    epochs, source = train(numbered, mode)
    for number, samples in enumerate(epochs[:8]):
        newest = min(24, 3 * (number + 1))
        assert sorted(samples) == list(range(max(0, newest - 6), newest))
    assert cuda.faults == []
    assert len(source.streams) == 1, "what a generator holds is in use by the stream it ran on"


def test_auto_changes_from_one_mode_to_another_in_order(cuda, numbered, monkeypatch):
    monkeypatch.setattr(
        "zeroreal.train.pool.sharing._not_supported_reason",
        lambda mode, *_: "it has none" if mode == "partition" else "",
    )
    _, source = train(numbered, "auto")
    assert cuda.faults == []
    assert len(source.streams) == 1


def test_a_fence_that_nobody_waits_for_is_found(cuda, numbered, monkeypatch):
    monkeypatch.setattr(_CudaEvents, "wait", lambda self, fence: None)
    train(numbered, "overlap")
    assert any("no event orders them" in sentence for sentence in cuda.faults)
