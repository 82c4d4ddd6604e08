"""Small datasets of the embedded model, and what tests see of those who make them."""

import os
import signal
from types import SimpleNamespace

import pytest
import torch

from zeroreal.generate.dataset.commit.workers import read_notes
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.settings import GenerateSettings


def settings_of(images_per_class=4, shard_size=10, steps=1, devices=(), seed=0):
    """Ten classes; nothing is left to tuning, which decides by time."""
    generate = GenerateSettings(
        steps=steps, engine="torch", attention="sdpa", batch_size=5, vae_batch_size=5
    )
    return DatasetSettings(
        images_per_class=images_per_class,
        shard_size=shard_size,
        seed=seed,
        device="cpu",
        devices=devices,
        generate=generate,
    )


def shards_in(folder):
    """The bytes of all tar files and tables, by name."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix in (".tar", ".parquet")
    }


class Killer:
    """Told of progress, kills one worker in the middle of a shard once so many are at work."""

    def __init__(self, folder, workers):
        self.killed = []
        self._store, self._workers = open_store(folder), workers

    def __call__(self, progress):
        notes = [note for note in read_notes(self._store) if note.is_alive()]
        busy = [note for note in notes if note.shard is not None]
        if not self.killed and len(busy) >= self._workers:
            os.kill(busy[0].pid, signal.SIGKILL)
            self.killed.append(busy[0])


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def making():
    """`settings_of`, `shards_in` and `Killer`."""
    return SimpleNamespace(settings=settings_of, shards=shards_in, killer=Killer)
