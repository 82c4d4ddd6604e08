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
from zeroreal.train.pool.sharing import Sharing

CPU = torch.device("cpu")
POISON = 255


class Streams:
    """Two streams, `train` and `generate`, of which the device works on `first` while it can.

    They are the pool's fences too.
    """

    def __init__(self, first):
        self.first = first
        self.memory = set()  # addresses, of the pool
        self.host = None  # of these, that of the slots in host memory
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

    def wait_on_host(self, fence):
        with self.lock:
            self._work_until(lambda: fence in self.passed)
            assert fence in self.passed, "the host waits for what cannot be done"

    def put(self, work, fence=None):
        with self.lock:
            self.queues[self.local.name].append((work, fence))
            self._work(self.first)

    def finish(self):
        """Do all that is left, the other stream's work one by one."""
        self.local.works = False
        self._work_until(lambda: False)
        assert not any(self.queues.values()), "the streams wait for each other"

    def _work_until(self, is_done):
        other = "train" if self.first == "generate" else "generate"
        while not is_done() and (self._work(self.first) or self._work(other, 1)):
            pass

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
    """Queues what the device does with the pool's memory; the host reads its own at once."""

    def __init__(self, streams):
        super().__init__()
        self.streams = streams

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        options = options or {}
        tensors = [leaf for leaf in tree_leaves((arguments, options)) if torch.is_tensor(leaf)]
        touched = {tensor.untyped_storage().data_ptr() for tensor in tensors} & self.streams.memory
        is_of_host = touched == {self.streams.host} and function.name() != "aten::copy_"
        if self.streams.local.works or not touched or is_of_host:
            return function(*arguments, **options)
        result = {
            "aten::index_put_": arguments[0],
            "aten::copy_": arguments[0],
            "aten::index_select.out": options.get("out"),
            "zeroreal::augment_": None,
        }[function.name()]
        self.streams.put(partial(function, *arguments, **options))
        return result


@pytest.fixture(params=["generate", "train"], ids=["slow consumer", "slow producer"])
def streams(request, monkeypatch):
    streams = Streams(request.param)
    monkeypatch.setattr("zeroreal.train.pool.pool.fences_on", lambda device: streams)
    monkeypatch.setattr(Sharing, "generating_stream", lambda self: streams.on("generate"))
    return streams


@pytest.fixture(params=[False, True], ids=["on the device", "in host memory"])
def pool_of(request, streams):
    """A function that makes a pool whose memory is that of `streams`, all of it on one side."""

    def make(capacity, spare=0):
        host = (capacity + spare) * request.param
        pool = ImagePool(capacity, 4, CPU, spare, host=host)
        images = pool.host_storage if host else pool.storage
        images.fill_(POISON)
        streams.memory = {
            stored.untyped_storage().data_ptr() for stored in (images, pool.target_storage)
        }
        streams.host = images.untyped_storage().data_ptr() if host else None
        return pool

    return make


def test_each_epoch_sees_the_images_that_were_published_for_it(streams, numbered, pool_of):
    pool = pool_of(6, spare=3)
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


def test_a_slot_that_nobody_read_keeps_what_was_written_last(streams, numbered, pool_of):
    pool = pool_of(1)
    for sample, name in enumerate(sorted(["train", "generate"], key=streams.first.__eq__)):
        pool.evict(1, "oldest")
        with streams.on(name):
            pool.add(numbered.pictures([sample]), [0], [sample])
    streams.finish()
    images, _, samples = pool.written()
    assert samples == [1]
    assert torch.equal(images, numbered.pictures([1]))
