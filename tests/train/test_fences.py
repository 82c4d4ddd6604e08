"""Slots change hands in time: no image is read before it is there, or overwritten while it is read.

The device is simulated: what the generating and the training thread ask of the pool's memory is
queued, and done as late as their fences allow. A wait too few shows as a wrong image.
"""

import contextlib
import threading
from collections import deque
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zeroreal.train import Feed, ImagePool, Loader
from zeroreal.train.sharing import Sharing

CPU = torch.device("cpu")
POISON = 255


class Streams:
    """Two streams, `train` and `generate`, of which the device works on `first` while it can.

    They are the pool's fences too.
    """

    def __init__(self, first):
        self.first = first
        self.memory = set()  # addresses, of the pool
        self.queues = {"train": deque(), "generate": deque()}
        self.passed = set()  # fences
        self.waits = 0
        self.local = threading.local()
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def on(self, name):
        """What this thread does goes to the stream `name`."""
        self.local.name, self.local.works = name, False
        with _Queueing(self):
            yield

    def record(self):
        fence = object()
        self.put(partial(self.passed.add, fence))
        return fence

    def wait(self, fence):
        self.put(lambda: None, fence)

    def put(self, work, fence=None):
        with self.lock:
            self.queues[self.local.name].append((work, fence))
            self._work(self.first)

    def finish(self):
        """Do all that is left, the other stream's work one by one."""
        other = "train" if self.first == "generate" else "generate"
        self.local.works = False
        while self._work(self.first) or self._work(other, 1):
            pass
        assert not any(self.queues.values()), "the streams wait for each other"

    def _work(self, name, most=None):
        queue, done = self.queues[name], 0
        self.local.works = True
        while queue and done != most and (queue[0][1] is None or queue[0][1] in self.passed):
            work, fence = queue.popleft()
            self.waits += fence is not None
            work()
            done += 1
        self.local.works = False
        return done


class _Queueing(TorchDispatchMode):
    """Queues what reads or writes the pool's memory."""

    def __init__(self, streams):
        super().__init__()
        self.streams = streams

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        options = options or {}
        tensors = [leaf for leaf in tree_leaves((arguments, options)) if torch.is_tensor(leaf)]
        touched = {tensor.untyped_storage().data_ptr() for tensor in tensors} & self.streams.memory
        if self.streams.local.works or not touched:
            return function(*arguments, **options)
        result = {
            "aten::index_put_": arguments[0],
            "aten::index_select.out": options.get("out"),
            "zeroreal::augment_": None,
        }[function.name()]
        self.streams.put(partial(function, *arguments, **options))
        return result


@pytest.fixture(params=["generate", "train"], ids=["slow consumer", "slow producer"])
def streams(request, monkeypatch):
    streams = Streams(request.param)
    monkeypatch.setattr("zeroreal.train.pool.fences_on", lambda device: streams)
    monkeypatch.setattr(Sharing, "generating_stream", lambda self: streams.on("generate"))
    return streams


def test_each_epoch_sees_the_images_that_were_published_for_it(streams, numbered):
    pool = ImagePool(6, 4, CPU, spare=3)
    pool.storage.fill_(POISON)
    streams.memory = {
        stored.untyped_storage().data_ptr() for stored in (pool.storage, pool.target_storage)
    }
    feed = Feed(
        numbered(batch_size=2), numbered.plan(24), pool, block=3, policy="oldest", mode="overlap"
    )
    loader = Loader(feed, 2, epochs=2)
    epochs = []
    with streams.on("train"):
        while not loader.is_finished:
            epochs.append(list(loader))
    streams.finish()
    for number, batches in enumerate(epochs[:8]):
        samples = [sample for images, _ in batches for sample in numbered.numbers(images)]
        labels = torch.cat([labels for _, labels in batches])
        newest = min(24, 3 * (number + 1))
        assert sorted(samples) == list(range(max(0, newest - 6), newest))
        assert labels.tolist() == [sample % 2 for sample in samples]
    assert streams.waits  # it was these streams that the pool used
