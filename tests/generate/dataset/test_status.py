"""The status of a dataset: what is done, by whom, how fast, and till when."""

from dataclasses import replace

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.commit import workers
from zeroreal.generate.dataset.commit.workers import new_note, write_note
from zeroreal.generate.dataset.status import dataset_status
from zeroreal.generate.dataset.store.store import LocalStore


class CountingStore(LocalStore):
    """Notes what is read."""

    def __init__(self, root):
        super().__init__(root)
        self.reads = []

    def read(self, name):
        self.reads.append(name)
        return super().read(name)

    def local(self, name, folder):
        self.reads.append(name)
        return super().local(name, folder)


def note(root, **changes):
    """A worker's note, of another machine."""
    one = replace(new_note("cpu"), host="elsewhere", token=f"elsewhere-{len(changes)}", **changes)
    return write_note(LocalStore(root), one)


def test_what_is_done_follows_from_names_alone(dataset_copy):
    root = dataset_copy("webdataset")
    (path,) = root.glob("000001-*.tar")
    path.unlink()
    for path in root.glob("*.tar"):
        path.write_bytes(b"")  # not looked into
    store = CountingStore(root)
    found = dataset_status(store)
    assert (found.images, found.total, found.shards, found.all_shards) == (7, 12, 2, 3)
    assert {name.partition("/")[0] for name in store.reads} == {"dataset.yaml", ".workers"}


def test_workers_are_alive_ended_or_gone(dataset_copy, monkeypatch):
    root = dataset_copy("webdataset")
    for path in [*root.glob("000001-*"), *root.glob(".workers/*")]:
        path.unlink()
    note(root, images=30, seconds=10.0, shard=1, shard_images=2)
    note(root, images=9, seconds=3.0, ended=True)
    old = workers.time.time() - 300
    with monkeypatch.context() as patch:
        patch.setattr(workers.time, "time", lambda: old)
        note(root, images=4, seconds=1.0, shard=0, shard_images=1, waited=0.5)
    found = dataset_status(LocalStore(root))
    assert len(found.workers) == 3
    assert [one.images for one in found.alive] == [30]
    assert found.images_per_second == pytest.approx(3.0)
    assert found.seconds_left == pytest.approx((12 - 7 - 2) / 3.0)


def test_without_workers_no_end_is_known(finished_dataset):
    found = dataset_status(LocalStore(finished_dataset("npy")))
    assert (found.seconds_left, found.images_per_second, found.alive) == (None, 0, ())


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no dataset of zeroreal"):
        dataset_status(LocalStore(tmp_path))
