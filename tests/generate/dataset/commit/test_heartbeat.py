"""A worker's note: seen at once, kept up to date, and never in the way."""

import threading
import time

import pytest

from zeroreal.generate.dataset.commit import heartbeat as module
from zeroreal.generate.dataset.commit.heartbeat import Heartbeat
from zeroreal.generate.dataset.commit.workers import read_notes
from zeroreal.generate.dataset.store.store import LocalStore


class Down(LocalStore):
    """A store that cannot be reached: writing waits till `gate` opens, then fails."""

    def __init__(self, root):
        super().__init__(root)
        self.gate, self.is_down = threading.Event(), False

    def write(self, name, content):
        if self.is_down:
            self.gate.wait()
            raise OSError("down")
        super().write(name, content)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


def note(store):
    (one,) = read_notes(store)
    return one


def test_a_note_is_there_before_anything_is_done(store):
    beat = Heartbeat(store, "cpu")
    assert (note(store).device, note(store).shard, note(store).ended) == ("cpu", None, False)
    beat.close()


def test_others_see_at_once_which_shard_is_begun(store):
    beat = Heartbeat(store, "cpu", seconds=3600)
    for shard in (7, 8):
        beat.begin(shard)
        assert note(store).shard == shard
    beat.close()


def test_what_was_made_is_told_every_so_many_seconds(store):
    beat = Heartbeat(store, "cpu", seconds=0.01)
    beat.begin(0)
    beat.count(5, waited=1.5)
    beat.count(4, waited=2.5)
    beat.committed()
    while note(store).shards == 0:
        time.sleep(0.01)
    assert (note(store).images, note(store).shard_images, note(store).waited) == (9, 9, 2.5)
    assert note(store).seconds > 0
    beat.close()


def test_a_note_says_when_its_worker_has_ended(store):
    beat = Heartbeat(store, "cpu", seconds=3600)
    beat.begin(0)
    beat.count(5, waited=0)
    beat.close()
    assert (note(store).ended, note(store).shard, note(store).images) == (True, None, 5)
    assert not note(store).is_alive()


def test_counts_of_two_threads_at_once_are_all_kept(store):
    beat = Heartbeat(store, "cpu", seconds=3600)
    beat.begin(0)
    threads = [
        threading.Thread(target=lambda: [beat.count(1, 0) for _ in range(2000)]),
        threading.Thread(target=lambda: [beat.committed() for _ in range(2000)]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    beat.close()
    assert (note(store).images, note(store).shards) == (2000, 2000)


def test_a_note_that_cannot_be_written_is_left_out(tmp_path):
    store = Down(tmp_path)
    beat = Heartbeat(store, "cpu")
    store.is_down = True
    store.gate.set()
    beat.begin(3)
    store.is_down = False
    beat.begin(4)
    assert note(store).shard == 4
    beat.close()


def test_a_store_that_cannot_be_reached_holds_nobody_up_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "_END_SECONDS", 0.05)
    store = Down(tmp_path)
    beat = Heartbeat(store, "cpu")
    store.is_down = True
    beat.begin(0)  # would wait for ever
    beat.close()
    store.gate.set()
