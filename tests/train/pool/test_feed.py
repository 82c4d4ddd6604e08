"""The feed: what training sees follows from the plan, whatever runs beside what and how fast."""

import threading

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import Loader
from zeroreal.train.pool.worker import Worker

CPU = torch.device("cpu")


def generating_threads():
    return [thread for thread in threading.enumerate() if thread.name == "generate"]


def finish_generating():
    """Wait until the thread that generates has nothing left to do."""
    for thread in generating_threads():
        thread.join()


def batches(feed, numbered, before_batch=lambda: None):
    seen = []
    loader = Loader(feed, 3, epochs=3, seed=5)
    while not loader.is_finished:
        for images, labels in loader:
            before_batch()
            seen.append((numbered.numbers(images), labels.tolist()))
    return seen


def make_producer_slow(feed, source):
    """Have each block generated only once training waits for it."""
    wanted = threading.Semaphore(0)
    advance, generate = feed.advance, source.generate

    def advance_and_want():
        wanted.release()
        return advance()

    def generate_what_is_wanted(specs, done=()):
        wanted.acquire()
        yield from generate(specs, done)

    feed.advance, source.generate = advance_and_want, generate_what_is_wanted


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize("slow", ["producer", "consumer"])
def test_training_sees_the_same_in_every_mode_whoever_is_slow(fed, numbered, policy, slow):
    expected = batches(fed(policy=policy), numbered)
    source = numbered()
    beside = fed(source, policy=policy, mode="overlap")
    if slow == "producer":
        make_producer_slow(beside, source)
        assert batches(beside, numbered) == expected
    else:
        assert batches(beside, numbered, finish_generating) == expected
    assert source.threads == {"MainThread", "generate"}


def test_generating_goes_no_further_ahead_than_one_block(fed):
    ahead = []
    feed = fed(mode="overlap", on_batch=lambda written: ahead.append(written - feed.generated))
    while feed.advance():
        finish_generating()
    assert len(ahead) == 10  # two batches a block
    assert max(ahead) == 4


def test_an_error_of_the_source_is_raised_by_advance(fed, numbered, published):
    feed = fed(numbered(broken=9), mode="overlap")
    assert feed.advance()
    assert feed.advance()
    with pytest.raises(RuntimeError, match="sample 9"):
        feed.advance()
    assert published(feed) == [*range(8)]


class HeldImages:
    """A source that has the batch of sample `held` in work until it is told to go on."""

    device = CPU

    def __init__(self, source, held):
        self.source, self.held = source, held
        self.reached, self.go_on = threading.Event(), threading.Event()

    def generate(self, specs, done=()):
        for batch in self.source.generate(specs, done):
            if self.held in [spec.index for spec in batch.specs]:
                self.reached.set()
                self.go_on.wait()
            yield batch


def test_closing_ends_the_thread_after_the_batch_in_work(fed, numbered, monkeypatch):
    join = Worker.join

    def go_on_and_join(worker):
        source.go_on.set()
        join(worker)

    monkeypatch.setattr(Worker, "join", go_on_and_join)
    source = HeldImages(numbered(batch_size=1), held=23)
    feed = fed(source, count=40, capacity=40, block=20, policy="keep", mode="overlap")
    feed.advance()
    source.reached.wait()
    feed.close()
    feed.close()
    assert not generating_threads()
    assert source.source.generated == [*range(24)]


def test_closing_ends_a_thread_that_waits_for_a_slot(fed):
    feed = fed(count=12, mode="overlap")
    feed.advance()
    finish_generating()
    feed.pool.take(feed.pool.free)  # somebody else has the rest
    feed.advance()
    assert generating_threads()
    feed.close()
    assert not generating_threads()
    assert feed.written == 8


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"policy": "olddest"}, "did you mean 'oldest'"),
        ({"mode": "parallel"}, "sharing mode"),
        ({"block": 0}, "block is 0"),
        ({"block": 9, "spare": 9}, "block is 9"),
        ({"spare": 3}, "3 spare slots"),
        ({"count": 0}, "no samples"),
    ],
)
def test_arguments_are_checked(fed, options, complaint):
    with pytest.raises(InputError, match=complaint):
        fed(**options)
