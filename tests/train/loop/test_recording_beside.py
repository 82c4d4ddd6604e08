"""Training beside a generator that records graphs: steps keep out of recordings."""

import threading

import pytest
import torch
from stand_in_cuda import stand_in_cuda
from torch import nn

from zeroreal.base.readers_writer_lock import RECORDING, ReadersWriterLock
from zeroreal.engine import GraphMemory, record
from zeroreal.train import ImagePool, Loader, TrainSettings
from zeroreal.train.loop.random_state import own_random_state
from zeroreal.train.loop.training import Training

CPU = torch.device("cpu")
SOON = 0.1  # seconds in which a thread that is not held up does something


class DropOut(nn.Module):
    """A classifier that draws from the default generator; it tells of every call."""

    def __init__(self, on_call):
        super().__init__()
        self.linear, self.on_call = nn.Linear(48, 2), on_call

    def forward(self, images):
        kept = nn.functional.dropout(images.flatten(1), 0.5, self.training)
        self.on_call()
        return self.linear(kept)


def training_of(numbered, on_call, **settings):
    images, labels = numbered.pictures(range(12)), torch.arange(12) % 2
    loader = Loader(ImagePool.of(images, labels, CPU), 4, epochs=20)
    settings = TrainSettings(epochs=20, batch_size=4, ema_decay=0, **settings)
    return Training(DropOut(on_call), loader, settings, num_classes=2, dtype=torch.float32, seed=0)


@pytest.mark.parametrize("lock", [RECORDING, ReadersWriterLock()], ids=["the lock", "another"])
def test_steps_keep_out_of_a_recording(numbered, monkeypatch, lock):
    """With another lock than the one that recording takes they would not."""
    cuda = stand_in_cuda(monkeypatch)
    monkeypatch.setattr("zeroreal.train.loop.training.RECORDING", lock)
    records, steps, is_over = threading.Event(), threading.Event(), threading.Event()

    def work():
        if torch.cuda.is_current_stream_capturing():
            records.set()
            steps.wait(5 * SOON)

    def generate():
        record(work, GraphMemory.on(torch.device("cuda")))
        is_over.set()

    def on_call():
        if records.is_set():
            steps.set()

    with cuda.watched():
        training = training_of(numbered, on_call)
        training.epoch()  # the first one is slow
        generator = threading.Thread(target=generate)
        generator.start()
        records.wait()
        while not is_over.is_set() and not training._loader.is_finished:
            training.epoch()
        training.epoch()
        generator.join()
    found = [sentence for sentence in cuda.faults if "default generator" in sentence]
    assert bool(found) == (lock is not RECORDING)


@pytest.mark.parametrize(("compiled", "is_shared"), [(False, True), (True, False)])
def test_only_steps_that_are_compiled_and_so_record_have_the_lock_alone(
    numbered, monkeypatch, compiled, is_shared
):
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    found = []

    def on_call():
        got = threading.Event()

        def share():
            with RECORDING.shared():
                got.set()

        threading.Thread(target=share).start()
        found.append(got.wait(SOON if compiled else 10))

    training_of(numbered, on_call, compile=compiled).epoch()
    assert set(found) == {is_shared}


def test_the_random_state_is_the_training_s_own_and_not_touched_while_a_graph_is_recorded():
    torch.manual_seed(1)
    before, inside = torch.get_rng_state(), threading.Event()

    def train():
        with own_random_state(5, CPU):
            inside.set()
            torch.rand(3)

    with RECORDING.exclusive():
        thread = threading.Thread(target=train)
        thread.start()
        assert not inside.wait(SOON)
        assert torch.equal(torch.get_rng_state(), before)
    thread.join()
    assert inside.is_set()
    assert torch.equal(torch.get_rng_state(), before)
