"""Verification finds what is left over or in between, and mending takes nothing of others."""

from functools import cache
from pathlib import Path

import pytest
from dataset_faults import (
    FORMATS,
    MAIN,
    assert_mended,
    data_files,
    digest_anew,
    faults,
    the,
    the_fault,
)

from zeroreal.base import InputError
from zeroreal.generate import Generator
from zeroreal.generate.dataset import opening
from zeroreal.generate.dataset.checking.fixing import fix_dataset
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.workers import new_note, pending_folder, write_note
from zeroreal.generate.dataset.store.store import LocalStore


@pytest.fixture(autouse=True)
def _one_generator(monkeypatch):
    """Loading the model for each test would take most of the time."""
    monkeypatch.setattr(opening, "make_generator", lambda settings, *others: _generator(settings))


@cache
def _generator(settings):
    return Generator(settings.generate, device=settings.device)


def test_a_picture_that_its_record_has_twice_is_found_and_mended(dataset_copy, finished_dataset):
    root = dataset_copy("folder")
    path = root / "train" / "bird" / "000000007.jpg"
    path.write_bytes((root / "train" / "cat" / "000000007.jpg").read_bytes())
    digest_anew(root, path)
    assert the_fault(root)[2] == "'train' has sample 7 2 times"
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize(
    "name",
    [
        "train/bird/000000007.jpg",  # the index of another class
        "train/cat/000000907.jpg",  # of no sample
        "train/cat/other.jpg",
        "train/dog/000000007.jpg",
        "metadata/000007-000000035-000000039-01234567.parquet",
    ],
)
def test_lost_files_in_folders_are_found_and_removed(dataset_copy, finished_dataset, name):
    root = dataset_copy("folder")
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"lost")
    assert the_fault(root) == ("strange", name, "is in no record")
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_file_of_another_datasets_digest_is_found_and_removed(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    path = the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}")
    name = f"{path.name.split('.')[0][:-8]}01234567{MAIN[shard_format]}"
    (root / name).write_bytes(path.read_bytes())
    assert the_fault(root)[:2] == ("strange", name)
    assert_mended(root, finished_dataset(shard_format))


def test_a_file_beside_a_shard_that_its_record_lacks_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    path = the(root, "000001-*.tar").with_suffix(".tar.old")
    path.write_bytes(b"old")
    assert the_fault(root) == ("strange", path.name, "is in no record")


def test_files_of_the_users_own_are_left_alone(dataset_copy):
    root = dataset_copy("folder")
    (root / "NOTES.txt").write_text("mine")
    (root / "more").mkdir()
    assert faults(root) == ()


@pytest.mark.parametrize("shard_format", FORMATS)
def test_pending_files_of_a_dead_worker_are_found_and_removed(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    folder = root / ".pending" / "gone-1-abc.000001"
    folder.mkdir(parents=True)
    (folder / "half.tar").write_bytes(b"half")
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("pending", ".pending/gone-1-abc.000001")
    assert "a worker that is gone" in reason
    assert_mended(root, finished_dataset(shard_format))
    assert not folder.exists()


class AtWork:
    """A live worker in the middle of the second shard."""

    def __init__(self, root):
        store = LocalStore(root)
        for path in [*root.glob("000001-*")]:
            path.unlink()
        self.note = write_note(store, new_note("cpu"))
        self.pending = store.scratch(pending_folder(self.note.token, 1)) / "half.tar"
        self.pending.write_bytes(b"half")


@pytest.mark.parametrize("shard_format", FORMATS)
def test_of_a_live_workers_shard_only_that_it_is_missing_is_said(dataset_copy, shard_format):
    root = dataset_copy(shard_format)
    AtWork(root)
    # In the format folder, its pictures are placed already, and no record has them.
    kind, _, reason = the_fault(root)
    assert (kind, reason) == ("missing", "samples 5 to 9 are not there")


@pytest.mark.parametrize("shard_format", FORMATS)
def test_mending_leaves_a_live_workers_files_alone(dataset_copy, finished_dataset, shard_format):
    root = dataset_copy(shard_format)
    worker = AtWork(root)
    fix_dataset(LocalStore(root), verify_dataset(LocalStore(root)))
    assert worker.pending.read_bytes() == b"half"
    assert data_files(finished_dataset(shard_format)).items() <= data_files(root).items()


def test_a_shard_that_was_committed_since_is_not_removed(dataset_copy, finished_dataset):
    root = dataset_copy("webdataset")
    original = finished_dataset("webdataset")
    moved = {path: path.read_bytes() for path in root.glob("000001-*")}
    for path in moved:
        path.unlink()
    found = verify_dataset(LocalStore(root))
    for path, content in moved.items():
        path.write_bytes(content)
    before = the(root, "000001-*.tar").stat().st_ino
    fix_dataset(LocalStore(root), found)
    assert the(root, "000001-*.tar").stat().st_ino == before
    assert data_files(root) == data_files(original)


def test_nothing_is_removed_where_the_model_is_gone(dataset_copy, monkeypatch):
    root = dataset_copy("webdataset")
    the(root, "000001-*.tar").write_bytes(b"damaged")
    (root / ".pending" / "gone-1-abc.000001").mkdir(parents=True)
    path = root / "dataset.yaml"
    path.write_text(path.read_text().replace("model: null", "model: /no/such/model"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="/no/such/model"):
        fix_dataset(LocalStore(root), verify_dataset(LocalStore(root)))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert (root / ".pending" / "gone-1-abc.000001").is_dir()


class Unreachable(LocalStore):
    """A place that fails while shards are read."""

    def local(self, name, folder):
        raise InputError("the place cannot be reached")


def test_a_place_that_fails_is_no_damage(finished_dataset):
    with pytest.raises(InputError, match="cannot be reached"):
        verify_dataset(Unreachable(finished_dataset("webdataset")))


def test_progress_is_told_shard_by_shard(finished_dataset):
    told = []
    verify_dataset(LocalStore(finished_dataset("npy")), lambda *one: told.append(one))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no dataset of zeroreal"):
        verify_dataset(LocalStore(Path(tmp_path)))
